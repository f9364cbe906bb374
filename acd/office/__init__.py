"""The router's office: which of several routers is active, and how those who stand by keep its memory."""
