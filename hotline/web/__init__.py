"""The HTTP server: routes as records, tokens, problem+json errors, OpenAPI."""
