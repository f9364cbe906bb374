"""The pure core: everything that decides who is offered to whom. No clock, no network, no random."""
