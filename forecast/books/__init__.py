"""What the forecaster keeps and what it looks up: its tables, the queues' series, the rosters in force."""
