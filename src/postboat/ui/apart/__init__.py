"""Faces in a process of their own, shown what a run does by the process that does it.

START READING in `apart`, the side of the run; `child` is where the face begins, which hears through `parent_link`.
"""
