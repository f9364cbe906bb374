"""Clock, tasks, service loop and logs: the only readers of clocks and the only makers of tasks."""
