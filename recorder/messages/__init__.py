"""Messages of callers: which there should be, when each is complete, where it is kept."""
