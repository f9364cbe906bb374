"""`hotline bus dead list|show|requeue`: what the broker could not deliver, and another chance for it."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from hotline.cli.shell import JsonFlag, console, local_time, one_sentence, print_json, print_table, shell
from hotline.errors import Misuse, Rejected

if TYPE_CHECKING:
    from hotline.settings import Bus

app = typer.Typer(help="What carries records between processes. Example: hotline bus dead list", no_args_is_help=True)
dead_app = typer.Typer(help="Dead letters. Example: hotline bus dead requeue --all", no_args_is_help=True)
app.add_typer(dead_app, name="dead")

Limit = Annotated[int, typer.Option(min=1, max=100_000, help="Look at the first so many.")]


def _settings(ctx: typer.Context) -> "Bus":
    settings = shell(ctx).settings().bus
    if settings.kind != "rabbitmq":
        raise Misuse('bus: the memory bus has no dead letters; they exist with [bus] kind = "rabbitmq"')
    return settings


@dead_app.command("list")
@one_sentence
def list_(ctx: typer.Context, limit: Limit = 100, as_json: JsonFlag = False) -> None:
    """List dead letters.

    Example: hotline bus dead list --limit 20
    """
    from hotline.bus.rabbitmq.dead import read

    zone, letters = shell(ctx).zone(), asyncio.run(read(_settings(ctx), limit))
    if as_json:
        print_json(msgspec.to_builtins(letters))
        return
    print_table(
        ("id", "died", "type", "from", "queue", "reason"),
        ((x.id, local_time(x.died_at, zone), x.type, x.source, x.queue, x.reason) for x in letters),
        empty="no dead letters",
    )


@dead_app.command()
@one_sentence
def show(ctx: typer.Context, letter: Annotated[str, typer.Argument(metavar="ID")], limit: Limit = 10_000) -> None:
    """Print one dead letter with its body, as JSON.

    Example: hotline bus dead show 0190c7a2-…
    """
    from hotline.bus.rabbitmq.dead import read

    found = [x for x in asyncio.run(read(_settings(ctx), limit)) if x.id == letter]
    if not found:
        raise Rejected("not_found", f"bus: there is no dead letter {letter} among the first {limit}")
    print_json(msgspec.to_builtins(found[0]))


@dead_app.command()
@one_sentence
def requeue(
    ctx: typer.Context,
    letters: Annotated[list[str] | None, typer.Argument(metavar="ID…")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    limit: Limit = 10_000,
) -> None:
    """Put dead letters back into the queues they died in.

    Example: hotline bus dead requeue --all
    """
    from hotline.bus.rabbitmq.dead import requeue as put_back

    if bool(letters) == everything:
        raise Misuse("bus: name the dead letters, or say --all")
    result = asyncio.run(put_back(_settings(ctx), None if everything else set(letters or ()), limit))
    console.print(f"{result.done} put back")
    if result.homeless or (letters and not result.done):
        raise Rejected(
            "not_requeued",
            f"bus: {result.homeless} stay because their queue is gone"
            if result.homeless
            else "bus: none has such an id",
        )
