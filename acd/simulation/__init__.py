"""A hotline on virtual time: the router that runs the house, with callers and agents who are made up or taken from the journal."""
