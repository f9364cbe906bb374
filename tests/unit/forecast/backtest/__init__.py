"""Tests of backtest."""
