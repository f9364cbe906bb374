"""The API of call distribution. Handlers only translate; the router decides."""
