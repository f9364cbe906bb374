"""The day that runs: the forecast of its rest, the gap in staff, and what to do about it."""
