"""What can go wrong, sorted by whose fault it is and whether trying again helps.

Every error that crosses a module border is one of these four; a door translates its driver's errors with
`raise … from exc`. A subclass's docstring is its default message.
"""


class HotlineError(Exception):
    """Something went wrong in hotline."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or type(self).__name__).strip().splitlines()[0])


class Misuse(HotlineError):
    """The program was used wrongly: a bad setting, argument or call order. Trying again without a change is pointless."""


class Rejected(HotlineError):
    """The other side understood and said no. `reason` is a short machine-readable word."""

    def __init__(self, reason: str, message: str | None = None) -> None:
        super().__init__(message or reason)
        self.reason = reason


class Unavailable(HotlineError):
    """The other side cannot be reached or is not ready; nothing was done. Trying again later may help."""


class StandingBy(Unavailable):
    """This process stands by for another that serves; ask that one."""


class OutcomeUnknown(HotlineError):
    """A request was sent and no answer came: it may have been done or not. Ask before you try again."""
