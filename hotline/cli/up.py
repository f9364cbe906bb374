"""`hotline up` and `hotline down`: all services in one process, and an end to what a killed one left behind."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from hotline.cli.directory import own
from hotline.cli.process import live, tell
from hotline.cli.shell import DataDir, JsonFlag, Shell, console, one_sentence, print_json, shell
from hotline.errors import Misuse

if TYPE_CHECKING:
    from hotline.settings import Settings
    from hotline.wiring.house import House


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

    def begun(house: "House", runtime: dict[str, Any]) -> None:
        _welcome(runtime, settings, shell(ctx))
        if demo:
            from hotline.cli.demo import stream

            house.run_beside(stream(settings, runtime, tell), name="demo")

    live(settings, None, begun)


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
    from hotline.store.private import stop_leftover
    from hotline.wiring import runtime_file
    from telephony.asterisk.supervise import stop_running

    ended = []
    if await stop_running(settings.data_dir):
        ended.append("Asterisk")
    if await stop_leftover(settings.data_dir):
        ended.append("PostgreSQL")
    runtime_file.remove(settings.data_dir)
    return ended
