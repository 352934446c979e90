"""IMAP as bytes: framing, parsing, commands and their encodings, without any input or output of its own."""
