"""Tests of call distribution."""
