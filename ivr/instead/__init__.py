"""What is done with callers instead of letting them wait: treatments, and asking to be called back."""
