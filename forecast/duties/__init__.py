"""What the forecaster has to do, and when: each interval, each night, each week; for one queue at a time."""
