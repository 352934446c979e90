"""What is done when mail comes and after syncs: the user's commands, the desktop, the list of mailboxes."""
