"""A world in which routers compete for one office, without any server: a database, a broker, nodes with their fences, and time.

Everything that can go wrong with a process (it is frozen, killed, cut off), with the database (frozen, restarted, away) and with the broker
(frozen; late and lost signals) can be made to happen at any time. The rules that must hold are checked at every step.
"""

import random
from collections.abc import Callable

import msgspec

from acd.office.term import Begin, End, EndSession, Hold, LetGo, Look, Question, Step, Take, Term
from hotline.bus.fence import Fence
from hotline.store.standing import Standing

TICK_S = 0.05
BEAT_S, SILENT_S = 0.5, 1.5
JITTER_S = 0.1
"""How long signals are under way at the most."""
OFFICE_LIMIT_S = 1.0
COMMAND_LIFE_S = 3.0
WITHIN_S = 2 * SILENT_S + OFFICE_LIMIT_S + 1.0
"""How soon there is one active router once nothing is wrong any more: a silence may have to be begun anew after the last fault."""


class Database:
    """One advisory lock and the terms. `state` is `up`, `frozen` or `down`."""

    def __init__(self) -> None:
        self.state = "up"
        self.terms: list[str] = []
        self.holder = 0
        """The session that has the lock."""
        self._sessions = 0
        self._dying: set[int] = set()
        self.living: set[int] = set()

    def connect(self) -> int:
        self._sessions += 1
        self.living.add(self._sessions)
        return self._sessions

    def cut(self, session: int) -> None:
        """A client closed its connection; a frozen server learns of it later."""
        if self.state == "frozen":
            self._dying.add(session)
        else:
            self._end(session)

    def _end(self, session: int) -> None:
        self.living.discard(session)
        if self.holder == session:
            self.holder = 0

    def become(self, state: str) -> None:
        self.state = state
        if state == "down":
            self.living.clear()
            self._dying.clear()
            self.holder = 0
        elif state == "up":
            for session in self._dying:
                self._end(session)
            self._dying.clear()

    def answer(self, question: Question, session: int, router: str) -> Standing:
        """Do what `hotline.store.office` does."""
        match question:
            case Take(above=above) if self.holder in (0, session):
                self.holder = session
                self.terms += [""] * max(0, above - len(self.terms)) + [router]
            case Hold(epoch=epoch) if self.holder == 0 and len(self.terms) <= epoch:
                self.holder = session
            case EndSession(session=silent) if silent == self.holder:
                self._end(silent)
        return Standing(
            mine=self.holder == session,
            epoch=len(self.terms),
            holder=self.terms[-1] if self.terms else "",
            session=self.holder,
        )


class Process:
    """A router's process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = False
        self.frozen = False
        self.cut_off = False
        self.term: Term
        self.begun = 0
        """The epoch of its router, as its commands say; 0: none."""
        self.replaced_by = 0
        """The newest term when it was thawed, if the database could have told it ever since."""
        self.session = 0
        self.heard_at = 0.0
        self.beat_at = 0.0
        self.mail: list[tuple[float, str, Callable[[], list[Step]]]] = []
        self.asked: tuple[Question, float] | None = None

    @property
    def runs(self) -> bool:
        return self.alive and not self.frozen


class Sent(msgspec.Struct, kw_only=True):
    """A command on its way."""

    router: str
    epoch: int
    sent_at: float
    due: float


class World:
    """See the module. `now` is in seconds; `pass_time` moves it."""

    def __init__(self, seed: int, names: tuple[str, ...] = ("A", "B", "C"), *, lost: float = 0.02) -> None:
        self.now = 100.0
        self.lost = lost
        """How many signals are lost."""
        self.luck = random.Random(seed)
        self.database = Database()
        self.broker_until = 0.0
        """The broker is frozen until then."""
        self.processes = {name: Process(name) for name in names}
        self.fence = Fence()
        self.commands: list[Sent] = []
        self.obeyed: list[tuple[int, str]] = []
        self.takeovers = 0

    # --- what tests do ----------------------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        process = self.processes[name]
        if not process.alive:
            process.__init__(name)  # type: ignore[misc]
            process.alive = True
            process.heard_at = self.now
            process.term = Term(name, beat_s=BEAT_S, silent_s=SILENT_S, now=self.now)

    def kill(self, name: str) -> None:
        process = self.processes[name]
        process.alive = process.frozen = False
        self._cut(process)

    def freeze(self, name: str) -> None:
        self.processes[name].frozen = self.processes[name].alive

    def thaw(self, name: str) -> None:
        process = self.processes[name]
        if process.frozen:
            process.frozen = False
            process.replaced_by = len(self.database.terms) if self.database.state == "up" else 0
            self._wake(process)  # its timers may well come before what waited in its sockets

    def cut_off(self, name: str, cut: bool) -> None:
        self.processes[name].cut_off = cut

    def become(self, database: str) -> None:
        self.database.become(database)
        for process in self.processes.values():
            process.replaced_by = 0

    def freeze_broker(self, for_s: float) -> None:
        self.broker_until = max(self.broker_until, self.now + for_s)

    def heal(self) -> None:
        """Nothing is wrong any more, and all processes run."""
        self.lost = 0.0
        self.become("up")
        self.pass_time(max(self.broker_until - self.now, 0.0))
        for name in self.processes:
            self.cut_off(name, False)
            self.thaw(name)
            self.start(name)

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += TICK_S
            for process in self.processes.values():
                if process.runs:
                    self._live(process)
            self._obey()

    def active(self) -> list[str]:
        """Return the processes that are sure to be the active router."""
        return [p.name for p in self.processes.values() if p.runs and p.term.is_sure(self.now)]

    # --- a process --------------------------------------------------------------------------------------------------------

    def _live(self, process: Process) -> None:
        if self.now < self.broker_until:  # what the broker holds back comes later, one sender after the other
            held = self.broker_until
            later = {name: held + self.luck.random() * JITTER_S for name in self.processes}
            process.mail = [(later[by] if due <= self.now else due, by, act) for due, by, act in process.mail]
        process.mail.sort(key=lambda m: m[0])
        while process.mail and process.mail[0][0] <= self.now:
            process.heard_at = self.now
            self._do(process, process.mail.pop(0)[2]())
        self._office(process)
        self._wake(process)

    def _wake(self, process: Process) -> None:
        process.term.listened(process.heard_at, self.now)
        self._do(process, process.term.wake(self.now))
        if process.term.is_sure(self.now):
            self._command(process)
        if self.now >= process.beat_at:
            process.beat_at = self.now + BEAT_S / (1 if process.term.rules else 4)
            self._beat(process)

    def _beat(self, process: Process) -> None:
        """A sign of life, to everybody who is not cut off: the others, the nodes, and as an echo ourselves."""
        name, epoch, sure = process.name, process.begun, process.term.is_sure(self.now)
        for other in self.processes.values():
            if process.cut_off or other.cut_off or not other.alive or self.luck.random() < self.lost:
                continue
            due = self.now + self.luck.random() * JITTER_S
            if other is process or not sure:
                other.mail.append((due, name, list))
            else:
                other.mail.append((due, name, lambda other=other: other.term.heard(name, epoch, self.now)))  # type: ignore[misc]
        if sure and not process.cut_off and self.broker_until <= self.now:
            self.fence.heard(epoch)

    def _office(self, process: Process) -> None:
        """Let the office answer, or not in time."""
        if process.asked is None:
            return
        question, at = process.asked
        state = self.database.state
        if state == "frozen" and self.now - at < OFFICE_LIMIT_S:
            return
        if self.now - at < self.luck.random() * 0.05:
            return
        process.asked = None
        standing = None
        if state == "up":
            if process.session not in self.database.living:
                process.session = 0
            process.session = process.session or self.database.connect()
            standing = self.database.answer(question, process.session, process.name)
        else:
            self._cut(process)
        self._do(process, process.term.answered(question, standing, self.now))

    def _cut(self, process: Process) -> None:
        if process.session:
            self.database.cut(process.session)
            process.session = 0

    def _do(self, process: Process, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case Look() | Take() | Hold() | EndSession():
                    assert process.asked is None
                    process.asked = (step, self.now)
                case LetGo():
                    self._cut(process)
                case Begin(epoch=epoch):
                    assert process.begun == 0
                    assert self.database.terms[epoch - 1] == process.name, "a term that is another's"
                    process.begun = epoch
                    self.takeovers += 1
                case End(epoch=epoch, newer=newer):
                    assert process.begun == epoch
                    assert newer > epoch
                    process.begun = 0
        assert bool(process.begun) == process.term.rules

    # --- commands ---------------------------------------------------------------------------------------------------------

    def _command(self, process: Process) -> None:
        """Have the router send a command, which may be long on its way. Nobody sends one who could know that he is replaced."""
        assert process.begun >= process.replaced_by
        if process.cut_off or self.broker_until > self.now:
            return
        delay = self.luck.choice((0.0, 0.05, 0.2, 2.0))
        self.commands.append(Sent(router=process.name, epoch=process.begun, sent_at=self.now, due=self.now + delay))

    def _obey(self) -> None:
        """The node carries out what its fence lets through, and tells the sender of the rest."""
        for command in [c for c in self.commands if c.due <= self.now]:
            self.commands.remove(command)
            refused = self.fence.why_not(epoch=command.epoch, deadline=command.sent_at + COMMAND_LIFE_S, now=self.now)
            sender = self.processes[command.router]
            if refused is not None and refused.newer_epoch and sender.runs:
                self._do(sender, sender.term.overruled(refused.newer_epoch, self.now))
            if refused is None:
                assert not self.obeyed or self.obeyed[-1][0] <= command.epoch, "an older term was obeyed"
                self.obeyed.append((command.epoch, command.router))
                if len(self.obeyed) > 1 and self.obeyed[-2][0] == command.epoch:
                    assert self.obeyed[-2][1] == command.router, "two routers were obeyed under one term"
