"""What both sides last agreed on: one SQLite file for each account. `schema.py` says what is kept."""
