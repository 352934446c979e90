"""How a mailbox finds out what changed: one way for each kind of server, all with one result."""
