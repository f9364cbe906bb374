"""Every invariant of the house that can be asked of data, asked; by itself and on demand."""
