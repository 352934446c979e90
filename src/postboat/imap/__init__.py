"""An IMAP server as folders and replicas. `wire/` is pure; `protocol.py` holds aioimaplib."""
