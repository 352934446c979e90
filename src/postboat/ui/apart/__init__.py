"""Faces in a process of their own, shown what a run does by the process that does it."""
