"""Events as an operator writes them on a command line: `bill run=2026-03-05` or `sale=2026-03-05..2026-03-07`. Pure."""

from collections.abc import Iterable
from datetime import date

from forecast.days.calendar import Event
from hotline.errors import Misuse

MOST_DAYS = 366


def events_of(texts: Iterable[str]) -> tuple[Event, ...]:
    """Return the events, in the order given; the same name may stand several times. Raises Misuse for what is none."""
    return tuple(_event(text) for text in texts)


def _event(text: str) -> Event:
    name, _, days = text.partition("=")
    first, _, last = days.partition("..")
    try:
        start, end = date.fromisoformat(first.strip()), date.fromisoformat((last or first).strip())
    except ValueError as exc:
        raise Misuse(f"an event is written as NAME=2026-03-05 or NAME=2026-03-05..2026-03-07, not {text!r}") from exc
    if not name.strip() or end < start or (end - start).days >= MOST_DAYS:
        raise Misuse(f"an event has a name and at most {MOST_DAYS} days, the first before the last: {text!r}")
    return Event(name=name.strip(), first=start, last=end)
