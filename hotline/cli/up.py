"""`hotline up` and `hotline down`."""

import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from hotline.cli.shell import console, errors, one_sentence, shell
from hotline.errors import Misuse, Unavailable
from hotline.settings import Settings

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where everything is kept; default: data.")]


@one_sentence
def up(
    ctx: typer.Context,
    data_dir: DataDir = None,
    demo: Annotated[bool, typer.Option("--demo", help="Keep a gentle stream of synthetic calls running.")] = False,
) -> None:
    """Run everything in this process until Ctrl-C: private PostgreSQL, private Asterisk, all services.

    Example: hotline up --data-dir /tmp/mine --demo
    """
    settings = shell(ctx).settings(data_dir)
    asyncio.run(_up(settings, demo=demo))


async def _up(settings: Settings, *, demo: bool) -> None:
    from hotline.cli.house import House
    from hotline.runtime import logs

    with _log_file(settings) as stream:
        logs.configure(
            json=settings.log.json_lines,
            level=settings.log.level,
            show_personal=settings.log.show_personal,
            stream=stream,
        )
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        house = House(settings, _tell)
        try:
            starting = asyncio.ensure_future(house.start())
            stopped = asyncio.ensure_future(stop.wait())
            await asyncio.wait([starting, stopped], return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if not starting.done():
                starting.cancel()
                with suppress(asyncio.CancelledError):
                    await starting
                return
            _welcome(await starting, settings)
            if demo:
                house.spawn_demo()
            await house.run(stop)
        finally:
            _tell("stopping …")
            await house.close()
    _tell("stopped")


def _log_file(settings: Settings) -> Any:
    directory = settings.data_dir / "log"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return (directory / "hotline.log").open("a", encoding="utf-8", buffering=1)
    except OSError as exc:
        raise Unavailable(f"cannot write below {settings.data_dir}: {exc.strerror}") from exc


def _tell(sentence: str) -> None:
    errors.print(f"hotline: {escape(sentence)}", soft_wrap=True)
    sys.stderr.flush()


def _welcome(runtime: dict[str, Any], settings: Settings) -> None:
    """Say in a few lines what to dial, who sits where, and where the numbers are."""
    seats = runtime["seats"]
    numbers = ", ".join(f"{number} ({name})" for name, number in runtime["numbers"].items())
    first, last = seats[0], seats[-1]
    say = [
        "",
        f"[bold]The hotline is up.[/bold] Asterisk {runtime['asterisk']['version']} listens on {runtime['asterisk']['sip']} (SIP, UDP).",
        f"  dial      {numbers}",
        f"  seats     {first['extension']} … {last['extension']}; for example user [bold]{first['sip_user']}[/bold] password [bold]{first['sip_password']}[/bold]",
        f"            all passwords: {settings.data_dir / 'runtime.json'}",
        "  keys      *41 log in   *42 ready   *43 not ready   *45 end wrap-up   *44 log out",
        f"  numbers   {runtime['metrics']} (Prometheus)   {runtime['http']}/api/v1 (API)   admin / {runtime['admin']['password']}",
        f"  look      hotline{_option(settings)} calls    hotline{_option(settings)} agent list    hotline{_option(settings)} demo",
        f"  logs      {settings.data_dir / 'log' / 'hotline.log'}",
        "Ctrl-C stops everything.",
    ]
    for line in say:
        console.print(line, soft_wrap=True)
    sys.stdout.flush()


def _option(settings: Settings) -> str:
    return "" if str(settings.data_dir) == "data" else f" --data-dir {escape(str(settings.data_dir))}"


@one_sentence
def down(ctx: typer.Context, data_dir: DataDir = None) -> None:
    """End what a killed `hotline up` left behind: its Asterisk (and the calls in it) and its PostgreSQL."""
    settings = shell(ctx).settings(data_dir)
    if not settings.data_dir.is_dir():
        raise Misuse(f"there is no data directory {settings.data_dir}")
    ended = asyncio.run(_down(settings))
    console.print(f"ended: {', '.join(ended)}" if ended else "nothing was left running", markup=False)


async def _down(settings: Settings) -> list[str]:
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
