"""An IMAP server as folders and replicas. `wire/` is pure; `connection.py` holds aioimaplib."""
