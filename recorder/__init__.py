"""Recordings: which conversations have one, when it is complete, where it is kept and for how long."""
