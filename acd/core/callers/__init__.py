"""Those who wait: the line, who comes first, what they ask for, and how they enter and leave it."""
