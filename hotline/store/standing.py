"""What one look at an office tells: who has it, and under which term. Pure."""

import msgspec


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An office at one moment. The term is what counts; the lock only says who may begin the next one."""

    mine: bool
    """Whether our session has the lock."""
    epoch: int
    """The newest term; 0 before the first."""
    holder: str
    """Whose term that is (or was)."""
    session: int
    """The server process whose session has the lock; 0 when it is free."""
