"""The projections made anew from the journal, and what differed."""
