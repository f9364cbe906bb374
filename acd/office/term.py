"""Who routes: when to ask for the office, when to take it, and when to leave it. Pure.

Three things decide together. The *lock* says who may begin a term; it frees itself when a process dies, but not when it freezes. The
*epoch* of a term says who is obeyed: nodes refuse an older one, so that two who believe in themselves do no harm. *Silence* says
when somebody else should begin: an active router tells several times a second that it lives, and goes on without a database. (A lease in
the database would end whenever the database is away; a lock alone cannot tell a frozen holder from a busy one.)

Silence is believed only as far as our own ears are proven: the bus says when it last carried anything, an echo of our own included.
Time in which it carried nothing, or in which we slept ourselves, does not count.

`Term` is told what is heard and what the office answers, and returns what to do; it asks the office one question at a time. In its
table, whatever is not listed changes nothing:

    new          just started, nobody heard        doubting   active, but slept so long that another may have begun
    standing_by  follows the active one            active     routes

How long it takes: the silence, a question or two (milliseconds), and the nodes' answers to the new router's first word.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from hotline.store.standing import Standing

CHECK_S = 0.5
"""How often the office is looked at; so old may be what we know about it."""
RETRY_S = 0.1
"""How soon a question is repeated whose answer we wait for."""

State = Literal["new", "standing_by", "active", "doubting"]
Event = Literal["beat", "won", "newer", "slept", "confirmed"]

TABLE: Mapping[tuple[State, Event], State] = {
    ("new", "beat"): "standing_by",
    ("new", "won"): "active",
    ("standing_by", "won"): "active",
    ("active", "slept"): "doubting",
    ("doubting", "confirmed"): "active",
    ("active", "newer"): "standing_by",
    ("doubting", "newer"): "standing_by",
}


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Something to ask of the office."""

    asked_at: float


class Look(Question, frozen=True, kw_only=True):
    """Who has it?"""


class Take(Question, frozen=True, kw_only=True):
    """Take it if it is free, with a term greater than `above`."""

    above: int


class Hold(Question, frozen=True, kw_only=True):
    """Do we still have it, or can we have it back, for our term?"""

    epoch: int


class EndSession(Question, frozen=True, kw_only=True):
    """End the session of a silent holder."""

    session: int


class LetGo(msgspec.Struct, frozen=True, kw_only=True):
    """Give the lock up."""


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """Become the active router."""

    epoch: int
    before: str
    reason: Literal["free", "silence"]


class End(msgspec.Struct, frozen=True, kw_only=True):
    """Forget the router: another one's term has begun."""

    epoch: int
    newer: int


Step = Question | LetGo | Begin | End


class Term:
    """The office as seen by one process. Call `wake` about every `beat_s`."""

    def __init__(self, router: str, *, beat_s: float, silent_s: float, now: float) -> None:
        self.router = router
        self.state: State = "new"
        self.epoch = 0
        """Our own term, while we have one."""
        self.newest = 0
        """The newest term that we know of."""
        self.leader = ""
        """The router that is active, as far as we know."""
        self._silent_s = silent_s
        self._gap_s = max(silent_s - 1.5 * beat_s, 1.5 * beat_s)
        """A longer pause of the bus is none of the router's: silence counts from its end. A shorter one, together with the time
        between two beats and some delay, does not add up to `silent_s`."""
        self._quiet_from = now
        self._well_since = now
        self._heard_until = now
        self._over = 0
        """The newest term whose router said itself that it is over."""
        self._seen: Standing | None = None
        self._session_since = now
        """Since when we have seen the same session with the lock."""
        self._asked: Question | None = None
        self._look_at = now
        self._try_at = now
        self._awake_at = now
        self._doubting_since = now

    # --- what can be asked ------------------------------------------------------------------------------------------------

    @property
    def rules(self) -> bool:
        """Whether we have a term and know of no newer one."""
        return self.state in ("active", "doubting")

    def is_sure(self, now: float) -> bool:
        """Whether we may decide: we rule, and did not sleep since we last made sure of it."""
        return self.state == "active" and now - self._awake_at <= self._silent_s

    def silence_s(self) -> float:
        """Return how long no active router has been heard, as far as the bus was proven to work."""
        return self._heard_until - max(self._quiet_from, self._well_since)

    def next_deadline(self) -> float | None:
        """Return when `wake` has a question to ask; None while one is under way."""
        if self._asked is not None:
            return None
        return min(self._look_at, self._try_at) if self._is_vacant() else self._look_at

    # --- what happens -------------------------------------------------------------------------------------------------------

    def listened(self, carried_at: float | None, now: float) -> None:
        """Learn when the bus last carried something; None if it cannot fail."""
        at = now if carried_at is None else carried_at
        if at <= self._heard_until:
            return
        if at - self._heard_until > self._gap_s:
            self._well_since = at
        self._heard_until = at

    def heard(self, router: str, epoch: int, now: float) -> list[Step]:
        """A router says that it is active. Any of them is a reason to wait, whichever its term."""
        if router == self.router:
            return []
        if self.rules:
            return self._superseded(epoch, now)
        if epoch >= self.newest or not self.leader:
            self.leader = router
        self.newest = max(self.newest, epoch)
        self._quiet_from = now
        self._move("beat")
        return []

    def ended(self, epoch: int, now: float) -> list[Step]:
        """A router says that its term is over. That stays true: while there is no newer one, nobody need be waited for."""
        self._over = max(self._over, epoch)
        return self._ask(now)

    def overruled(self, epoch: int, now: float) -> list[Step]:
        """A node refused our command because it knows this newer term."""
        return self._superseded(epoch, now)

    def answered(self, question: Question, standing: Standing | None, now: float) -> list[Step]:
        """The office answered; None: it is away. An answer to another question than the present one is ignored."""
        if question is not self._asked:
            return []
        self._asked = None
        match question:
            case Hold():
                steps = self._held(question, standing, now)
            case Take() if standing is not None and standing.mine:
                steps = self._won(question, standing, now)
            case _:
                steps = []
                self._note(standing, now)
        return steps + self._ask(now)

    def wake(self, now: float) -> list[Step]:
        """Do what is due; notice whether we slept."""
        if self.state == "active" and not self.is_sure(now):
            self._doubting_since = self._look_at = now
            self._move("slept")
        self._awake_at = now
        return self._ask(now)

    def _move(self, event: Event) -> None:
        self.state = TABLE.get((self.state, event), self.state)

    # --- questions ----------------------------------------------------------------------------------------------------------

    def _ask(self, now: float) -> list[Step]:
        if self._asked is None:
            self._asked = self._question(now)
            return [self._asked] if self._asked is not None else []
        return []

    def _question(self, now: float) -> Question | None:
        if self.rules:
            return Hold(asked_at=now, epoch=self.epoch) if now >= self._look_at else None
        if self._is_vacant() and now >= self._try_at:
            self._try_at = now + RETRY_S
            return self._attempt(now)
        return Look(asked_at=now) if now >= self._look_at else None

    def _attempt(self, now: float) -> Question:
        """Return how to come closer to a vacant office. A session that got the lock just now may be about to begin a term."""
        assert self._seen is not None
        if self._seen.session == 0:
            return Take(asked_at=now, above=self.newest)
        if self._is_silent() and now - self._session_since >= self._silent_s:
            return EndSession(asked_at=now, session=self._seen.session)
        return Look(asked_at=now)

    def _is_vacant(self) -> bool:
        """Return whether nobody routes: no sign of life, a term that said its end, or (we just started) none but ours ever was."""
        if self._seen is None or self.rules:
            return False
        newest = max(self.newest, self._seen.epoch)
        first = self.state == "new" and self._seen.session == 0 and self._seen.holder in ("", self.router)
        return first or 0 < newest <= self._over or self._is_silent()

    def _is_silent(self) -> bool:
        return self.silence_s() >= self._silent_s

    # --- answers ------------------------------------------------------------------------------------------------------------

    def _held(self, question: Hold, standing: Standing | None, now: float) -> list[Step]:
        """Whether our term goes on: unless there is a newer one. If the office is away we cannot know, and stay."""
        if not self.rules:
            return [LetGo()] if standing is not None and standing.mine else []
        self._look_at = now + (CHECK_S if standing is None or standing.mine else RETRY_S)
        if standing is not None and standing.epoch > self.epoch:
            return self._superseded(standing.epoch, now)
        if self.state == "doubting" and question.asked_at < self._doubting_since:
            self._look_at = now  # that is how it was before we slept
        else:
            self._move("confirmed")
        return []

    def _won(self, question: Take, standing: Standing, now: float) -> list[Step]:
        """The office is ours, unless the answer is so late that somebody may have taken it from us since."""
        if standing.epoch <= self.newest or now - question.asked_at > self._silent_s:
            self._quiet_from, self._look_at = now, now + CHECK_S
            return [LetGo()]
        before = self._seen.holder if self._seen is not None else ""
        begin = Begin(epoch=standing.epoch, before=before, reason="silence" if self._is_silent() else "free")
        self.epoch = self.newest = standing.epoch
        self.leader, self._awake_at, self._look_at = self.router, now, now + CHECK_S
        self._move("won")
        return [begin]

    def _note(self, standing: Standing | None, now: float) -> None:
        """Note who has the office. Who has just begun a term gets the time to be heard."""
        self._look_at = now + CHECK_S
        if standing is None:
            return
        if self._seen is None or standing.session != self._seen.session:
            self._session_since = now
            self._try_at = now
        if standing.epoch > self.newest:
            self.newest, self._quiet_from = standing.epoch, now
        self._seen = standing

    def _superseded(self, epoch: int, now: float) -> list[Step]:
        """Step down if this term is newer than ours."""
        if not self.rules or epoch <= self.epoch:
            return []
        end = End(epoch=self.epoch, newer=epoch)
        self.epoch, self.newest, self.leader = 0, max(self.newest, epoch), ""
        self._quiet_from = self._look_at = now
        self._seen = None
        self._move("newer")
        return [end, LetGo(), *self._ask(now)]
