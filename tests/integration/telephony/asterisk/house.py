"""A private Asterisk for a test: free ports, three seats, a manager connection, and a heartbeat set by hand."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hotline.runtime.clock import SteadyClock
from hotline.runtime.tasks import TaskGroup
from hotline.secrets import Secrets, load_or_create
from hotline.settings import Ami, Asterisk, Seats, Settings, Sip
from telephony.asterisk.supervise import PrivateAsterisk
from tests.integration.telephony.asterisk.manager import Event, Manager
from tests.integration.telephony.asterisk.phone import Phone


def free_settings(**asterisk: object) -> Settings:
    return Settings(
        sip=Sip(port=0, rtp_start=0), ami=Ami(port=0), seats=Seats(count=3), asterisk=Asterisk(max_calls=20, **asterisk)
    )


async def start(data_dir: Path, settings: Settings | None = None) -> PrivateAsterisk:
    settings = settings or free_settings()
    return await PrivateAsterisk.start(settings, data_dir, load_or_create(data_dir, settings.seats.extensions()), print)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


class House:
    """Make one with `opened`."""

    def __init__(self, asterisk: PrivateAsterisk, manager: Manager, secrets: Secrets) -> None:
        self.asterisk, self.manager, self.secrets = asterisk, manager, secrets
        self.sip = (asterisk.sip_host, asterisk.sip_port)
        self._age_s = 0
        self._phones: list[Phone] = []

    async def beat(self, age_s: int = 0) -> None:
        self._age_s = age_s
        await self.manager.beat(int(SteadyClock().now()) - age_s)

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Go on beating for the length of the block, with beats as old as the last: after three seconds without one Asterisk serves
        callers by itself, and phones on a busy machine take their time.
        """
        tasks = TaskGroup("heart")
        await self.beat()
        tasks.spawn(self._beat_on(), name="beat")
        try:
            yield
        finally:
            await tasks.close()

    async def _beat_on(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            await self.beat(self._age_s)

    async def phone(self, user: str = "5551234", host: str = "127.0.0.2") -> Phone:
        phone = await Phone.open(host, self.sip, user)
        self._phones.append(phone)
        return phone

    async def seat(self, extension: str = "1001") -> Phone:
        phone = await self.phone(extension, "127.0.0.1")
        assert await phone.register(self.secrets.seats[extension]) == 200
        return phone

    async def arrive(self, caller: Phone, **how: object) -> Event:
        """Call 4000 with a fresh heartbeat and return the AsyncAGIStart."""
        await self.beat()
        mark = self.manager.mark()
        assert await caller.call("4000", **how) == 200  # type: ignore[arg-type]
        return await self.manager.wait_event("AsyncAGIStart", mark)

    async def ring(
        self, channel: str, *, seconds: int = 20, seat: str = "1001", offer: str = "offer-1", recording: str = ""
    ) -> None:
        ask = self.manager.ask
        await ask(
            "Setvar", Channel=channel, Variable="HOTLINE_RING", Value=f"{offer},{seat},{seconds},default,{recording}"
        )
        await ask("Setvar", Channel=channel, Variable="HOTLINE_NAME", Value="张三 Zhang San")
        answer = await ask("Redirect", Channel=channel, Context="hotline-ring", Exten="s", Priority="1")
        assert answer["Response"] == "Success", answer

    async def returned(self, mark: int) -> Event:
        return await self.manager.wait(lambda e: e.get("Event") == "AsyncAGIStart" and "return" in e["Env"], mark)

    async def end(self, channel: str) -> None:
        mark = self.manager.mark()
        answer = await self.manager.ask("Hangup", Channel=channel, Cause="16")
        if answer["Response"] == "Success":
            await self.manager.wait_event("Hangup", mark, Channel=channel)

    async def hang_up_phones(self) -> None:
        for phone in self._phones:
            await phone.close()
        self._phones.clear()

    async def is_quiet(self) -> bool:
        """Return whether no channel is left over."""
        return "0 active channels" in await self.asterisk.tell("core show channels")

    def log(self) -> str:
        return (self.asterisk.log_dir / "messages.log").read_text(encoding="utf-8", errors="replace")


@asynccontextmanager
async def opened(data_dir: Path, settings: Settings | None = None) -> AsyncIterator[House]:
    settings = settings or free_settings()
    secrets = load_or_create(data_dir, settings.seats.extensions())
    asterisk = await start(data_dir, settings)
    try:
        manager = await Manager.login(asterisk.ami_host, asterisk.ami_port, asterisk.ami_username, asterisk.ami_secret)
        house = House(asterisk, manager, secrets)
        try:
            yield house
        finally:
            await house.hang_up_phones()
            await manager.close()
    finally:
        await asterisk.stop()
