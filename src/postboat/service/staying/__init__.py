"""A run that goes on until it is stopped. START READING in `keeper`."""
