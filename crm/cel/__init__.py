"""What Asterisk itself wrote of our calls, and the gaps that are closed from it."""
