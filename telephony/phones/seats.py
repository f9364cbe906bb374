"""Synthetic phones that are called: they ring, answer, talk and hang up, all in one SIPp; each behaves as it is told.

`Seats` register themselves and are called by their extension. `Outside` is the telephone network behind the outgoing trunk: it
has a phone for every number that is dialled there.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

import structlog

from hotline.errors import Misuse, Rejected, Unavailable
from hotline.runtime.clock import Clock, SteadyClock
from hotline.runtime.tasks import TaskGroup
from telephony.phones import injection, registration, scenarios, wire
from telephony.phones.call import WAIT_S, PhoneCall, hang_up_all
from telephony.phones.injection import Account
from telephony.phones.sipp import Exchange, SippProcess, free_port

SEAT_TONE_HZ = 1000
OUTSIDE_ADDRESS = "127.0.0.4"
OUTSIDE_TONE_HZ = 700
REGISTER_RATE = 20
REGISTER_TIMEOUT_S = 10.0
LEAVE_TIMEOUT_S = 3.0
TELL_AGAIN_S = 0.5
RENEW_S = registration.EXPIRES_S / 2

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Let it ring, then answer; talk for a time, or until the caller hangs up."""

    after_s: float = 0.2
    talk_s: float | None = None
    keys: str = ""
    """Pressed once it is answered, `keys_after_s` later."""
    keys_after_s: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Reject:
    """Let it ring, then press "reject"."""

    after_s: float = 0.2
    code: Literal[480, 486, 603] = 486


@dataclass(frozen=True, kw_only=True)
class LetRing:
    """Do nothing: nobody is there, or the test acts by hand."""


Behaviour = Answer | Reject | LetRing
Behave = Behaviour | Callable[[], Behaviour]
"""The same for every call, or asked for at each call."""


class Seat:
    """One phone. `behaviour` may be changed at any time; it counts for the next call."""

    def __init__(self, extension: str, behaviour: Behave) -> None:
        self.extension = extension
        self.behaviour = behaviour
        self.calls: list[PhoneCall] = []
        """All calls that ever rang here, oldest first."""
        self._rung: asyncio.Queue[PhoneCall] = asyncio.Queue()

    async def next_call(self, timeout_s: float = WAIT_S) -> PhoneCall:
        """Wait for the next call that rings here. Raises Unavailable when none does in time."""
        try:
            return await asyncio.wait_for(self._rung.get(), timeout_s)
        except TimeoutError as exc:
            raise Unavailable(f"seat {self.extension}: nothing rang within {timeout_s:g} s") from exc

    def rang(self, call: PhoneCall) -> None:
        """Note a new call."""
        self.calls.append(call)
        self._rung.put_nowait(call)


class Phones:
    """What phones that are called have in common: who rang where, and what the person there does."""

    def __init__(
        self,
        process: SippProcess,
        *,
        tone_hz: int | None,
        on_change: Callable[[PhoneCall, wire.Event], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._process = process
        self._seats: dict[str, Seat] = {}
        self._tone_hz = tone_hz
        self._on_change = on_change
        self._clock = clock or SteadyClock()
        self._tasks = TaskGroup("seats")
        self._calls: dict[str, PhoneCall] = {}

    def __getitem__(self, extension: str) -> Seat:
        return self._seats[extension]

    def __iter__(self) -> Iterator[Seat]:
        return iter(self._seats.values())

    @property
    def talking(self) -> int:
        """How many phones are in a conversation."""
        return sum(call.state == "talking" for call in self._calls.values())

    def _dialled(self, key: str) -> Seat | None:
        """Return the phone that is dialled by `key`."""
        return self._seats.get(key)

    def _heard_call(self, event: wire.Event) -> None:
        call = self._calls.get(event.call_id)
        seat = self._dialled(event.key)
        if call is None:
            if event.kind != "ringing" or seat is None:
                return
            call = PhoneCall(event.key, self._process, self._clock, tone_hz=self._tone_hz, incoming_id=event.call_id)
            self._calls[event.call_id] = call
            call.note(event)
            seat.rang(call)
            behaviour = seat.behaviour() if callable(seat.behaviour) else seat.behaviour
            self._tasks.spawn(self._behave(call, behaviour), name=f"call at {event.key}")
        else:
            call.note(event)
        if call.state == "over":
            del self._calls[event.call_id]
        if self._on_change is not None:
            self._on_change(call, event)

    async def _behave(self, call: PhoneCall, behaviour: Behaviour) -> None:
        """Do what the person at this seat does with one call."""
        try:
            match behaviour:
                case Answer(after_s=after_s, talk_s=talk_s, keys=keys, keys_after_s=keys_after_s):
                    await asyncio.sleep(after_s)
                    call.answer()
                    await call.wait_answered()
                    if keys:
                        await asyncio.sleep(keys_after_s)
                        await call.press(keys)
                    if talk_s is not None:
                        await asyncio.sleep(talk_s)
                        call.hang_up()
                        await call.finished()
                case Reject(after_s=after_s, code=code):
                    await asyncio.sleep(after_s)
                    call.reject(code)
                    await call.finished()
                case LetRing():
                    return
        except Rejected:
            return  # the caller was faster
        except Unavailable as exc:
            log.warning("a call did not do what its phone wanted", seat=call.key, why=str(exc))


class Seats(Phones):
    """Registered phones: `async with Seats(exchange, accounts) as seats: seats["1001"].behaviour = Reject()`.

    Entering registers all of them (raises Rejected when Asterisk denies one, Unavailable when it does not answer); leaving
    hangs up and unregisters.
    """

    def __init__(
        self,
        exchange: Exchange,
        accounts: Sequence[Account],
        *,
        behaviour: Behave | None = None,
        tone_hz: int | None = SEAT_TONE_HZ,
        on_change: Callable[[PhoneCall, wire.Event], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        if not accounts:
            raise Misuse("a bank of seats needs at least one")
        process = SippProcess(exchange, "seats", exchange.seats_from, self._heard, self._gone)
        super().__init__(process, tone_hz=tone_hz, on_change=on_change, clock=clock)
        self._seats.update((a.extension, Seat(a.extension, behaviour or Answer())) for a in accounts)
        self._accounts = tuple(accounts)
        self._registrations: dict[str, str] = {}
        self._off: dict[str, str] = {}
        self._denied: dict[str, str] = {}
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        count = str(len(self._accounts))
        await self._process.start(
            {
                "register.xml": registration.register_scenario().encode(),
                "seat.xml": scenarios.seat_scenario().encode(),
                "seats.csv": injection.accounts_file(self._accounts),
            },
            [
                "-sf",
                "register.xml",
                "-rxsf",
                "seat.xml",
                "-inf",
                "seats.csv",
                "-users",
                count,
                "-r",
                str(REGISTER_RATE),
            ],
            tones_hz=() if self._tone_hz is None else (self._tone_hz,),
        )
        try:
            timeout_s = REGISTER_TIMEOUT_S + len(self._accounts) / REGISTER_RATE
            await self._wait_until(
                lambda: len(self._registrations) + len(self._denied) == len(self._accounts), timeout_s
            )
        except BaseException:
            await self._process.stop()
            raise
        if self._denied:
            await self.__aexit__(None, None, None)
            raise Rejected(
                "denied", f"seats not registered: {', '.join(f'{s} ({c})' for s, c in self._denied.items())}"
            )
        self._tasks.spawn(self._renew(), name="renew")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.close()
        await hang_up_all(list(self._calls.values()))
        self._process.take_no_more()
        try:
            await self._insist(
                "LEAVE", lambda: not self._registrations, LEAVE_TIMEOUT_S, self._off, self._registrations
            )
        except Unavailable:
            self._registrations.clear()
        await self._process.stop()
        self._gone()

    async def unregister(self, extension: str) -> None:
        """Switch one phone off: Asterisk forgets where it was; a call that rings or talks goes on."""
        phone = {extension: self._registrations[extension]}
        await self._insist("OFF", lambda: extension in self._off, REGISTER_TIMEOUT_S, phone)

    async def register(self, extension: str) -> None:
        """Switch a phone on again that was switched off."""
        phone = {extension: self._off[extension]}
        await self._insist("RENEW", lambda: extension in self._registrations, REGISTER_TIMEOUT_S, phone)

    async def _insist(
        self, verb: wire.Verb, condition: Callable[[], bool], timeout_s: float, *phones: Mapping[str, str]
    ) -> None:
        """Tell phones, given by their registrations, until `condition` holds: one that just renews its registration does not hear."""

        def tell() -> None:
            for call_id in (call_id for some in phones for call_id in some.values()):
                self._process.tell(verb, call_id)

        tell()
        await self._wait_until(condition, timeout_s, tell)

    async def _wait_until(
        self, condition: Callable[[], bool], timeout_s: float, again: Callable[[], None] = lambda: None
    ) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    if not self._process.running:
                        raise Unavailable(f"SIPp ended: {self._process.complaint() or 'it said nothing'}")
                    try:
                        await asyncio.wait_for(self._changed.wait(), TELL_AGAIN_S)
                    except TimeoutError:
                        again()
        except TimeoutError as exc:
            raise Unavailable(f"seats: no answer within {timeout_s:g} s; {self._process.complaint()}") from exc

    async def _renew(self) -> None:
        """Register again before the registrations run out."""
        while True:
            await asyncio.sleep(RENEW_S)
            for call_id in list(self._registrations.values()):
                self._process.tell("RENEW", call_id)
                await asyncio.sleep(1 / REGISTER_RATE)

    def _heard(self, event: wire.Event) -> None:
        if event.kind == "registered":
            self._registrations[event.key] = event.call_id
            self._off.pop(event.key, None)
        elif event.kind == "unregistered":
            self._registrations.pop(event.key, None)
            self._off[event.key] = event.call_id
        elif event.kind == "denied":
            self._denied[event.key] = event.detail
        else:
            self._heard_call(event)
        self._changed.set()
        self._changed = asyncio.Event()

    def _gone(self) -> None:
        for call in self._calls.values():
            call.lost()
        self._changed.set()


class Outside(Phones):
    """The network behind the outgoing trunk: `async with Outside(exchange, port=port) as outside: outside["138…"].behaviour = LetRing()`.

    It listens at `address:port` (see `free_address`), which the settings name as `outbound.trunk`. Every number that is dialled
    there has a phone, which behaves as `behaviour` says until it is told otherwise.
    """

    def __init__(
        self,
        exchange: Exchange,
        *,
        port: int,
        address: str = OUTSIDE_ADDRESS,
        behaviour: Behave | None = None,
        tone_hz: int | None = OUTSIDE_TONE_HZ,
        on_change: Callable[[PhoneCall, wire.Event], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        process = SippProcess(exchange, "outside", address, self._heard_call, self._gone, port=port)
        super().__init__(process, tone_hz=tone_hz, on_change=on_change, clock=clock)
        self._behaviour = behaviour or Answer()

    def __getitem__(self, extension: str) -> Seat:
        return self._seats.setdefault(extension, Seat(extension, self._behaviour))

    def _dialled(self, key: str) -> Seat:
        return self[key]

    async def __aenter__(self) -> Self:
        await self._process.start(
            {"outside.xml": scenarios.seat_scenario().encode()},
            ["-sf", "outside.xml"],
            tones_hz=() if self._tone_hz is None else (self._tone_hz,),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.close()
        await hang_up_all(list(self._calls.values()))
        await self._process.stop()
        self._gone()

    def _gone(self) -> None:
        for call in self._calls.values():
            call.lost()


def free_address(address: str = OUTSIDE_ADDRESS) -> tuple[str, int]:
    """Return a loopback address and a port for `Outside` that nobody uses at this moment."""
    return address, free_port(address)
