"""A caller in the line of a queue: offers, the way back, and what he hears meanwhile."""
