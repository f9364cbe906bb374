"""Rings: how an offer is made, what is kept of it, and how it ends."""
