"""`hotline run SERVICE…`: some services in one process; a broker carries what they tell each other."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from hotline.cli.process import live
from hotline.cli.shell import DataDir, console, one_sentence, shell

if TYPE_CHECKING:
    from hotline.wiring.house import House


@one_sentence
def run(
    ctx: typer.Context,
    services: Annotated[list[str], typer.Argument(help="telephony, ivr, recorder, acd, crm, forecast, metrics")],
    data_dir: DataDir = None,
    leave_asterisk: Annotated[
        bool,
        typer.Option(help="An orderly stop leaves Asterisk and its calls to the next start, as after a crash."),
    ] = False,
) -> None:
    """Run some services until Ctrl-C; the others run elsewhere, with RabbitMQ between (docs/processes.md).

    Example: hotline run telephony ivr recorder --data-dir /var/lib/hotline/node1
    """
    settings = shell(ctx).settings(data_dir)

    def begun(_house: "House", runtime: dict[str, Any]) -> None:
        say = [f"[bold]{' '.join(runtime['services'])}[/bold] {'is' if len(runtime['services']) == 1 else 'are'} up."]
        if "asterisk" in runtime:
            say.append(
                f"  dial      {', '.join(runtime['numbers'].values())} at {runtime['asterisk']['sip']} (SIP, UDP)"
            )
        say.append(f"  numbers   {runtime['metrics']} (Prometheus)   {runtime['http']}/api/v1 (API)")
        say.append(f"  logs      {escape(str(settings.data_dir))}/log/hotline.log")
        for line in say:
            console.print(line, soft_wrap=True)
        sys.stdout.flush()

    live(settings, tuple(services), begun, leave_asterisk=leave_asterisk)
