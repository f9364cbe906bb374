"""What happens within a conversation: hold, transfer, consult, and supervisors who join it."""
