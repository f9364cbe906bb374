"""Ten minutes of real calls while storage freezes and dies: `make soak`."""
