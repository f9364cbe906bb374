"""Rows from facts: what the projections hold, folded from everything that was told of a call. Pure."""
