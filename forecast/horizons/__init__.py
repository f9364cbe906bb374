"""Months, days, half hours and the rest of today, made to agree with each other."""
