"""What was counted: calls of each interval, with what is not known marked as not known."""
