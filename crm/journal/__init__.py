"""The journal: facts on their way from the spool into PostgreSQL, month by month."""
