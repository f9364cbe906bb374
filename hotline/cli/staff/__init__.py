"""`hotline staff`: from counts or a forecast to the number of agents."""
