"""The memory of the house: the journal of facts, what is read from it (calls, segments, offers, reports), and customers."""
