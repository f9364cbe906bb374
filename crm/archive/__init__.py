"""Whole months of the journal carried into files, and back."""
