"""What links to a run are made of, whether it is a service, a parent or a recording. `ui/link.py` is what they give."""
