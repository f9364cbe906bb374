"""Who gets whom, and why."""
