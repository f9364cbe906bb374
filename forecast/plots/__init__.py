"""Pictures of forecasts and of their errors, as PNG and HTML."""
