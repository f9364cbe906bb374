"""Call flows as files: read, checked, explained."""
