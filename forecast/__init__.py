"""How many will call, and how many must be there: series, calendar, models, backtests, staffing, rosters, today."""
