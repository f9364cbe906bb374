"""The command line, and the one place where services are wired together."""
