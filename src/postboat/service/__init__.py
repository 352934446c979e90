"""Who runs when: introduces the departments to one another (`assemble.py`) and runs accounts (`account.py`)."""
