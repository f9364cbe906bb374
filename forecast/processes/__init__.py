"""Processes that learn, so that the event loop need not: a pool of them, and the program that they run."""
