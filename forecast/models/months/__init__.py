"""Models of months, and what they share."""
