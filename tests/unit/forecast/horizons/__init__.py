"""Tests of horizons."""
