"""The two sides of an account as its service sees them: servers and trees of Maildirs."""
