"""What callers hear: texts made into sound files."""
