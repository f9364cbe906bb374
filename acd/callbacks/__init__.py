"""Callbacks: callers who gave up their call and keep their place in the line. Pure."""
