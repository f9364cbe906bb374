"""`hotline up` and `hotline down`: start everything, say what there is, end everything.

What can be known to be missing is found out before anything is started. Progress goes to standard output; standard error
has nothing but the one sentence that says why it failed.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.markup import escape

from hotline.cli.directory import open_log, own
from hotline.cli.shell import DataDir, JsonFlag, Shell, console, one_sentence, print_json, shell
from hotline.errors import HotlineError, Misuse

if TYPE_CHECKING:
    from hotline.settings import Settings

T = TypeVar("T")
PRIVATE = 0o077
"""No file that we make is for other users: journal, recordings and secrets are below the data directory."""


@one_sentence
def up(
    ctx: typer.Context,
    data_dir: DataDir = None,
    demo: Annotated[bool, typer.Option("--demo", help="Keep a gentle stream of synthetic calls running.")] = False,
) -> None:
    """Run everything in this process until Ctrl-C: private PostgreSQL, private Asterisk, all services.

    Example: hotline up --data-dir /tmp/mine --demo
    """
    from hotline.runtime import logs

    settings = shell(ctx).settings(data_dir)
    os.umask(PRIVATE)
    with own(settings.data_dir), open_log(settings.data_dir) as stream:
        logs.configure(
            json=settings.log.json_lines,
            level=settings.log.level,
            show_personal=settings.log.show_personal,
            stream=stream,
        )
        asyncio.run(_up(settings, shell(ctx), demo=demo))


async def _up(settings: "Settings", options: Shell, *, demo: bool) -> None:
    stop = _stop_signals()
    from hotline.cli.house import House  # after the signals: all services take a while to load

    house = House(settings, _tell)

    async def start() -> dict[str, Any]:
        await _look_ahead(settings)
        return await house.start()

    try:
        runtime = await _unless_stopped(stop, start())
        if runtime is not None:
            _welcome(runtime, settings, options)
            if demo:
                house.spawn_demo()
            await house.run(stop)
    finally:
        if stop.is_set():
            _tell("stopping …")
        await house.close()
    _tell("stopped")


def _stop_signals() -> asyncio.Event:
    """Return what is set by Ctrl-C, SIGTERM, and the end of our terminal unless somebody asked to outlive it (nohup)."""
    stop = asyncio.Event()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    for number in numbers:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _look_ahead(settings: "Settings") -> None:
    """Find out what would fail late: a taken web port, and an Asterisk that cannot be had."""
    from telephony.asterisk.install import find_or_bring

    _check_web_port(settings.http.host, settings.http.port)
    if settings.asterisk.mode == "private":
        await asyncio.to_thread(find_or_bring, settings, _tell)


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


def _tell(sentence: str) -> None:
    try:
        print(f"hotline: {sentence}", flush=True)
    except OSError:
        pass  # the terminal is gone, or nobody reads our output any more; that must not keep us from going on


def _welcome(runtime: dict[str, Any], settings: "Settings", options: Shell) -> None:
    """Say in a few lines what to dial, who sits where, and where the numbers are."""
    seats = runtime["seats"]
    numbers = ", ".join(f"{number} ({name})" for name, number in runtime["numbers"].items())
    first, last = seats[0], seats[-1]
    hotline, data_dir = escape(options.again()), escape(str(settings.data_dir))
    say = [
        "",
        f"[bold]The hotline is up.[/bold] Asterisk {runtime['asterisk']['version']} listens on {runtime['asterisk']['sip']} (SIP, UDP).",
        f"  dial      {numbers}",
        f"  seats     {first['extension']} … {last['extension']}; for example user [bold]{first['sip_user']}[/bold] password [bold]{first['sip_password']}[/bold]",
        f"            all passwords: {data_dir}/runtime.json",
        "  keys      *41 log in   *42 ready   *43 not ready   *45 end wrap-up   *44 log out",
        f"  numbers   {runtime['metrics']} (Prometheus)   {runtime['http']}/api/v1 (API)   admin / {runtime['admin']['password']}",
        f"  look      {hotline} calls    {hotline} agent list    {hotline} demo",
        f"  logs      {data_dir}/log/hotline.log",
        "Ctrl-C stops everything.",
    ]
    for line in say:
        console.print(line, soft_wrap=True)
    sys.stdout.flush()


@one_sentence
def down(ctx: typer.Context, data_dir: DataDir = None, as_json: JsonFlag = False) -> None:
    """End what a killed `hotline up` left behind: its Asterisk (and the calls in it) and its PostgreSQL.

    Example: hotline down --data-dir /tmp/mine
    """
    settings = shell(ctx).settings(data_dir)
    if not settings.data_dir.is_dir():
        raise Misuse(f"there is no data directory {settings.data_dir}")
    with own(settings.data_dir):
        ended = asyncio.run(_down(settings))
    if as_json:
        print_json({"ended": ended})
    else:
        console.print(f"ended: {', '.join(ended)}" if ended else "nothing was left running", markup=False)


async def _down(settings: "Settings") -> list[str]:
    from hotline.cli import runtime_file
    from hotline.store.private import stop_leftover
    from telephony.asterisk.supervise import stop_running

    ended = []
    if await stop_running(settings.data_dir):
        ended.append("Asterisk")
    if await stop_leftover(settings.data_dir):
        ended.append("PostgreSQL")
    runtime_file.remove(settings.data_dir)
    return ended
