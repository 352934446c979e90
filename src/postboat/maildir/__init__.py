"""A tree of Maildirs as folders and replicas. `names.py` and `layout.py` are pure."""
