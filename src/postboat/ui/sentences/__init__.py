"""What is said, one home for each sentence; faces pick from here. START READING in `telling`: which, and when."""
