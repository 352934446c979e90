"""What a dashboard shows, folded from what a link tells and laid out as rows of text. Pure."""
