"""Call flows: what a caller hears and may press before, between and after conversations with agents."""
