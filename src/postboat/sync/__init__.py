"""Two sides made equal. START READING in `folder_pair.py`; `ports.py` says what it asks of the world."""
