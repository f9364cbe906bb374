"""Every metric's definition, folding facts into observations, exporter, dashboards, alert rules."""
