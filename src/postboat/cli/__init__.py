"""How it starts: command line, exit codes, signals. Commands are imported when they are called."""
