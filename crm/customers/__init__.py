"""Customers: what is known of them, and who of them calls."""
