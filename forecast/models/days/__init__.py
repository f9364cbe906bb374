"""Models of whole days, and what they share."""
