"""How it looks: every face folds the same events into `view.py` and takes its sentences from `words.py`."""
