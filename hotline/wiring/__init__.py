"""The wiring: which services run in a process, and how they are put together. The only place that knows all of them."""
