"""The calendar: which days are alike, which are not, and what is known about days to come."""
