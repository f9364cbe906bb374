"""What goes over the wire about rosters: requests and answers of the API."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec

from forecast.rosters.model import Duty, Plan
from forecast.rosters.requests import Change, ChangeKind
from hotline.facts import AgentState

Text = Annotated[str, msgspec.Meta(max_length=200)]


class RosterHead(msgspec.Struct, frozen=True, kw_only=True):
    """A roster, summed up."""

    roster_id: str
    first_day: date
    days: int
    zone: str
    status: Literal["draft", "published", "replaced"]
    version: int
    note: str
    shifts: int
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str
    published_at: datetime | None


class RosterView(RosterHead, frozen=True, kw_only=True):
    """A roster with its shifts and what they were made from."""

    plan: Plan
    duties: tuple[Duty, ...]
    violations: list[str]
    """What is against the rules, in sentences."""
    covered: float
    """Part of the needed agent-hours that is met."""
    short_hours: float


class NewRoster(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A roster to be kept."""

    plan: Plan
    duties: tuple[Duty, ...]
    note: Text = ""


class RosterKept(msgspec.Struct, frozen=True, kw_only=True):
    """What was done."""

    roster_id: str
    version: int
    violations: list[str] = []


class Publish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let a roster count."""

    despite: bool = False
    """Publish it although rules are broken."""


class AskedChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change that somebody asks for, or a supervisor makes."""

    kind: ChangeKind
    person: Text
    day: date
    other: Text = ""
    other_day: date | None = None
    shift: Text = ""
    dry_run: bool = False
    """Only say whether it is allowed."""

    def change(self) -> Change:
        """Return it as the checker takes it."""
        return Change(
            kind=self.kind, person=self.person, day=self.day, other=self.other, other_day=self.other_day, shift=self.shift
        )  # fmt: skip


class ChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a change."""

    allowed: bool
    reasons: tuple[str, ...]
    """Why not."""
    short_hours: float
    """Agent-hours missing after it, less those before."""
    version: int
    request_id: str = ""


class RequestView(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asked for."""

    request_id: str
    roster_id: str
    kind: str
    person_id: str
    day: date
    other_id: str
    other_day: date | None
    shift: str
    status: Literal["open", "accepted", "refused"]
    reasons: list[str]
    asked_at: datetime
    asked_by: str
    decided_at: datetime | None
    decided_by: str


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Yes or no to a request."""

    accept: bool
    reason: Text = ""


class PlaceView(msgspec.Struct, frozen=True, kw_only=True):
    """One person: where he should be, where he is, and how much of the day's shift he kept."""

    person: str
    scheduled: str
    actual: str
    state: AgentState | None
    since: float | None
    until: float | None
    adheres: bool | None
    """None: not asked of now."""
    scheduled_min: float
    kept_min: float
    adherence: float | None


class AdherenceView(msgspec.Struct, frozen=True, kw_only=True):
    """Adherence = minutes in the scheduled kind of state / scheduled minutes."""

    day: date
    scheduled_min: float
    kept_min: float
    adherence: float | None
    people: list[PlaceView]


class RosterQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rosters."""

    since: date | None = None
    until: date | None = None


class RequestQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests."""

    roster: str | None = None
    status: Literal["open", "accepted", "refused"] | None = None


class DayQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which day."""

    day: date | None = None
    """Today, or one of the last week; None: today."""
