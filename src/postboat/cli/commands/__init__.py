"""One module for each command, each with `add_arguments` and `run`; those that only talk with a run have `talk`."""
