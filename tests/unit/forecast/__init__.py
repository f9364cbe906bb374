"""Tests of forecasts, staffing and rosters."""
