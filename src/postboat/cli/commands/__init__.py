"""One module for each command, each with `add_arguments` and `run`."""
