"""Synthetic callers: many calls by one SIPp, or a single one for a test."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from hotline.errors import Unavailable
from hotline.runtime.clock import Clock, SteadyClock
from telephony.phones import injection, scenarios, wire
from telephony.phones.call import PhoneCall, hang_up_all
from telephony.phones.injection import Account, Line
from telephony.phones.sipp import Exchange, SippProcess

CALLER_TONE_HZ = 440


class Callers:
    """Calls placed by one SIPp, at a steady rate, in the order of `lines`. Leaving the block hangs up what is left.

    Without `account` they come from the trunk's address; with it they are calls of that seat (for feature codes).
    """

    def __init__(
        self,
        exchange: Exchange,
        lines: Sequence[Line],
        *,
        rate: float = 10.0,
        tone_hz: int | None = CALLER_TONE_HZ,
        account: Account | None = None,
        on_change: Callable[[PhoneCall, wire.Event], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        address = exchange.seats_from if account else exchange.trunk_from
        self._process = SippProcess(exchange, "callers", address, self._heard, self._gone)
        self._lines = tuple(lines)
        self._rate = rate
        self._tones = () if tone_hz is None else (tone_hz,)
        self._account = account
        self._on_change = on_change
        self._ended = False
        clock = clock or SteadyClock()
        self.calls = {line.key: PhoneCall(line.key, self._process, clock, tone_hz=tone_hz) for line in self._lines}
        """All calls by the key of their line."""

    async def __aenter__(self) -> Self:
        address = self._process.address
        if self._account is None:
            scenario = scenarios.caller_scenario(from_fields=injection.from_width(self._lines))
            table = injection.lines_file(self._lines, local_ip=address)
        else:
            scenario = scenarios.caller_scenario(account=True)
            table = injection.seat_lines_file(self._lines, self._account)
        period_ms = 1000 if self._rate >= 1 else round(1000 / self._rate)
        count = str(len(self._lines))
        await self._process.start(
            {"caller.xml": scenario.encode(), "lines.csv": table},
            ["-sf", "caller.xml", "-inf", "lines.csv", "-m", count, "-l", count,
             "-r", f"{max(self._rate, 1):g}", "-rp", str(period_ms)],
            tones_hz=self._tones,
        )  # fmt: skip
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.enough()
        await hang_up_all(self.calls.values())
        await self._process.stop()
        self._gone()

    @property
    def running(self) -> bool:
        """Whether more may happen; once all calls are over SIPp ends by itself."""
        return not self._ended

    def enough(self) -> None:
        """Place no more calls; those that live go on. What was not placed stays `waiting` until SIPp ends."""
        if any(call.state == "waiting" for call in self.calls.values()):
            self._process.take_no_more()

    def complaint(self) -> str:
        """Return what SIPp complained about, if it did."""
        return self._process.complaint()

    def _heard(self, event: wire.Event) -> None:
        if (call := self.calls.get(event.key)) is None:
            return
        call.note(event)
        if self._on_change is not None:
            self._on_change(call, event)

    def _gone(self) -> None:
        self._ended = True
        for call in self.calls.values():
            call.lost()


class Caller:
    """One caller: `async with Caller(exchange, number="4000") as call: await call.wait_answered(); call.hang_up()`."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        number: str,
        caller_number: str = "13800000001",
        caller_name: str = "",
        from_raw: str | bytes = "",
        tone_hz: int | None = CALLER_TONE_HZ,
        account: Account | None = None,
    ) -> None:
        line = Line(
            key="caller", number=number, caller_number=caller_number, caller_name=caller_name, from_raw=from_raw
        )
        self._callers = Callers(exchange, [line], tone_hz=tone_hz, account=account)

    async def __aenter__(self) -> PhoneCall:
        await self._callers.__aenter__()
        call = self._callers.calls["caller"]
        try:
            await call.wait_for("calling")
        except Unavailable as exc:
            complaint = self._callers.complaint()
            await self._callers.__aexit__(None, None, None)
            raise Unavailable(f"SIPp placed no call: {complaint or 'it said nothing'}") from exc
        return call

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._callers.__aexit__(kind, error, trace)
