"""Who should be where, and is: adherence. Pure.

Adherence = minutes in the scheduled kind of state / scheduled minutes. A shift is made of stretches of `work` and `break`; being at work is
any state in which calls are taken or were just now. Around each change of the schedule both sides are right for the tolerance, so a call that
lasts a minute into the break is no fault.
"""

import itertools
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal
from zoneinfo import ZoneInfo

from forecast.rosters.model import Duty, Plan
from forecast.rosters.table_file import local
from hotline.facts import AgentState

Kind = Literal["work", "break", "off"]
KIND_OF: Mapping[AgentState, Kind] = {
    "offline": "off", "unreachable": "off", "break": "break", "ready": "work", "reserved": "work", "ringing": "work", "talking": "work",
    "holding": "work", "wrap_up": "work", "rest": "work",
}  # fmt: skip
"""`rest` is work: the pause after an offer that was not answered is ours, not the agent's. Who cannot be rung is not there."""
DAYS_KEPT = 8
"""Sums of so many days are kept."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of somebody's shift."""

    begin: float
    """Seconds since 1970."""
    end: float
    kind: Kind
    day: date
    """The day of the shift."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where somebody should be now, and is."""

    person: str
    scheduled: Kind
    actual: Kind
    state: AgentState | None
    """None: nothing was ever told of this agent."""
    since: float | None
    adheres: bool
    until: float | None
    """When the schedule changes next for this person."""


@dataclass(slots=True)
class Kept:
    """One person's day."""

    scheduled_s: float = 0.0
    kept_s: float = 0.0

    @property
    def ratio(self) -> float | None:
        """The adherence; None where nothing was scheduled yet."""
        return self.kept_s / self.scheduled_s if self.scheduled_s else None


@dataclass(slots=True)
class _Seat:
    state: AgentState | None = None
    since: float | None = None
    settled: float | None = None
    """Up to when the time is in the sums."""
    spans: list[Span] = field(default_factory=list)


def spans_of(plan: Plan, duties: Iterable[Duty]) -> dict[str, list[Span]]:
    """Return the stretches of everybody's shifts, in order. Unpaid breaks are breaks like others."""
    kinds, zone = plan.type_of(), ZoneInfo(plan.zone)
    found: dict[str, list[Span]] = {}
    for duty in sorted(duties, key=lambda d: d.day):
        kind = kinds[duty.shift]

        def at(minute: int, day: date = duty.day) -> float:
            return local(day, minute).replace(tzinfo=zone).timestamp()

        begin = kind.start_min
        own = found.setdefault(duty.person, [])
        for after, pause in zip(duty.breaks, kind.breaks, strict=False):
            starts = kind.start_min + after
            own.append(Span(begin=at(begin), end=at(starts), kind="work", day=duty.day))
            own.append(Span(begin=at(starts), end=at(starts + pause.length_min), kind="break", day=duty.day))
            begin = starts + pause.length_min
        own.append(Span(begin=at(begin), end=at(kind.end_min), kind="work", day=duty.day))
    return {person: [span for span in own if span.end > span.begin] for person, own in found.items()}


class Adherence:
    """Everybody's schedule and state. Facts in the order of their times; an older one than the last is ignored."""

    def __init__(self, tolerance_s: float = 180.0) -> None:
        self.tolerance_s = tolerance_s
        self._seats: dict[str, _Seat] = {}
        self._sums: dict[tuple[str, date], Kept] = {}

    def schedule(self, spans: Mapping[str, list[Span]], now: float) -> None:
        """From now on this is the schedule; what is past stays counted as it was."""
        self.settle(now)
        for person in {*self._seats, *spans}:
            self._seat(person, now).spans = list(spans.get(person, ()))

    def changed(self, person: str, state: AgentState, at: float, now: float) -> None:
        """An agent's state changed."""
        seat = self._seat(person, now)
        if seat.since is not None and at < seat.since:
            return
        moment = min(at, now)
        self._settle(person, seat, moment)
        seat.state, seat.since = state, at

    def settle(self, now: float) -> None:
        """Book the time up to now, and forget days long past."""
        for person, seat in self._seats.items():
            self._settle(person, seat, now)
        newest = max((day for _, day in self._sums), default=None)
        if newest is not None:
            self._sums = {key: kept for key, kept in self._sums.items() if (newest - key[1]).days < DAYS_KEPT}

    def states(self) -> Iterator[tuple[str, AgentState, float]]:
        """Yield the state of everybody of whom one was told, and since when."""
        for person, seat in self._seats.items():
            if seat.state is not None and seat.since is not None:
                yield person, seat.state, seat.since

    def sums(self, day: date) -> dict[str, Kept]:
        """Return what everybody kept of a day's shifts, up to the last settling."""
        return {person: kept for (person, of), kept in sorted(self._sums.items()) if of == day}

    def places(self, now: float) -> list[Place]:
        """Return where everybody should be now, or is, who is in the schedule of these days."""
        found = []
        for person, seat in sorted(self._seats.items()):
            scheduled, actual = _kind_at(seat.spans, now), _kind(seat.state)
            if not seat.spans or scheduled == actual == "off":
                continue
            edges = [edge for span in seat.spans for edge in (span.begin, span.end) if edge > now]
            found.append(
                Place(
                    person=person, scheduled=scheduled, actual=actual, state=seat.state, since=seat.since,
                    adheres=actual in self._right(seat.spans, now), until=min(edges, default=None),
                )
            )  # fmt: skip
        return found

    def _seat(self, person: str, now: float) -> _Seat:
        seat = self._seats.get(person)
        if seat is None:
            seat = self._seats[person] = _Seat(settled=now)
        return seat

    def _settle(self, person: str, seat: _Seat, until: float) -> None:
        since = seat.settled if seat.settled is not None else until
        if until <= since:
            return
        seat.settled = until
        actual = _kind(seat.state)
        for begin, end, span in self._pieces(seat.spans, since, until):
            kept = self._sums.setdefault((person, span.day), Kept())
            kept.scheduled_s += end - begin
            if actual in self._right(seat.spans, (begin + end) / 2):
                kept.kept_s += end - begin

    def _pieces(self, spans: list[Span], since: float, until: float) -> Iterator[tuple[float, float, Span]]:
        """Yield the scheduled parts of a stretch of time in which nothing changes, the ends of tolerances included."""
        first = max(bisect_right(spans, since, key=lambda span: span.begin) - 1, 0)
        for span in spans[first:]:
            if span.begin >= until:
                return
            begin, end = max(span.begin, since), min(span.end, until)
            cuts = {begin, end, span.begin + self.tolerance_s, span.end - self.tolerance_s}
            edges = sorted(cut for cut in cuts if begin <= cut <= end)
            for left, right in itertools.pairwise(edges):
                if right > left:
                    yield left, right, span

    def _right(self, spans: list[Span], at: float) -> set[Kind]:
        """Return what is right at a moment: what is scheduled, and just beside a change what is scheduled beyond it."""
        return {_kind_at(spans, at), _kind_at(spans, at - self.tolerance_s), _kind_at(spans, at + self.tolerance_s)}


def _kind(state: AgentState | None) -> Kind:
    return "off" if state is None else KIND_OF[state]


def _kind_at(spans: list[Span], at: float) -> Kind:
    number = bisect_right(spans, at, key=lambda span: span.begin) - 1
    return spans[number].kind if number >= 0 and at < spans[number].end else "off"
