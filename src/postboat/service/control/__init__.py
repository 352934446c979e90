"""The socket over which a run that goes on is watched and told what to do."""
