"""Models of half hours and other slots of the day, and what they share."""
