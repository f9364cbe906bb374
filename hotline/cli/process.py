"""What `hotline up` and `hotline run` share: a process that starts its services, serves until it is told to stop, and ends them.

What can be known to be missing is found out before anything is started. Progress goes to standard output; standard error
has nothing but the one sentence that says why it failed.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from hotline.cli.directory import open_log, own
from hotline.errors import HotlineError, Misuse

if TYPE_CHECKING:
    from hotline.settings import Settings
    from hotline.wiring.house import House

T = TypeVar("T")
PRIVATE = 0o077
"""No file that we make is for other users: journal, recordings and secrets are below the data directory."""

Begun = Callable[["House", dict[str, Any]], None]
"""What is done once everything is up: gets the house and what `runtime.json` says."""


def live(settings: "Settings", services: tuple[str, ...] | None, begun: Begun, *, leave_asterisk: bool = False) -> None:
    """Run services (None: all) in this process until Ctrl-C, SIGTERM or the end of the terminal."""
    from hotline.runtime import logs

    os.umask(PRIVATE)
    with (
        own(settings.data_dir),
        open_log(settings.data_dir, max_bytes=settings.log.max_bytes, keep=settings.log.keep) as stream,
    ):
        logs.configure(
            json=settings.log.json_lines,
            level=settings.log.level,
            show_personal=settings.log.show_personal,
            stream=stream,
        )
        asyncio.run(_live(settings, services, begun, leave_asterisk=leave_asterisk))


async def _live(settings: "Settings", services: tuple[str, ...] | None, begun: Begun, *, leave_asterisk: bool) -> None:
    stop = _stop_signals()
    from hotline.runtime import collector
    from hotline.wiring.house import House  # after the signals: all services take a while to load
    from hotline.wiring.rooms import ALL, Rooms

    rooms = Rooms(ALL if services is None else services, settings)
    house = House(settings, rooms, tell, leave_asterisk=leave_asterisk)

    async def start() -> dict[str, Any]:
        await _look_ahead(settings, needs_asterisk="telephony" in rooms)
        return await house.start()

    try:
        runtime = await _unless_stopped(stop, start())
        if runtime is not None:
            begun(house, runtime)
            collector.set_aside()
            await house.run(stop)
    finally:
        if stop.is_set():
            tell("stopping …")
        await house.close()
    tell("stopped")


def _stop_signals() -> asyncio.Event:
    """Return what is set by Ctrl-C, SIGTERM, and the end of our terminal unless somebody asked to outlive it (nohup)."""
    stop = asyncio.Event()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    for number in numbers:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _look_ahead(settings: "Settings", *, needs_asterisk: bool) -> None:
    """Find out what would fail late: a taken web port, and an Asterisk that cannot be had."""
    from telephony.asterisk.install import find_or_bring

    _check_web_port(settings.http.host, settings.http.port)
    if needs_asterisk and settings.asterisk.mode == "private":
        await asyncio.to_thread(find_or_bring, settings, tell)


def _check_web_port(host: str, port: int) -> None:
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as exc:
        raise Misuse(
            f"http.port: cannot listen on {host}:{port} ({os.strerror(exc.errno) if exc.errno else exc}); "
            "stop what uses it, or set another port (0 chooses a free one)"
        ) from exc


async def _unless_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """Do `work`; when `stop` is set first, end it, with what it runs in threads, and return None."""
    from hotline.tools import children

    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return await working
        children.end_all()
        working.cancel()
        with suppress(asyncio.CancelledError, HotlineError):  # whatever the step under way says about its end
            await working
        return None
    finally:
        stopping.cancel()


def tell(sentence: str) -> None:
    """Say something on standard output."""
    try:
        print(f"hotline: {sentence}", flush=True)
    except OSError:
        pass  # the terminal is gone, or nobody reads our output any more; that must not keep us from going on
