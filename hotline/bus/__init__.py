"""How records travel between services: one interface, `base.Bus`; `memory` for one process."""
