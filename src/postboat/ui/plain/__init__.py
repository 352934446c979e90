"""Faces that write lines, in the engine's own process. START READING in `basic`; `tty` redraws its last lines."""
