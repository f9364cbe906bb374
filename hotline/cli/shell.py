"""What all commands share: where the data directory is, how errors and tables look, `--json`.

An error is one sentence on standard error and exit status 1 (2 for wrong usage); a program reads `--json` from standard output.
"""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hotline.errors import HotlineError

if TYPE_CHECKING:  # reading settings and asking servers costs start-up time that `--help` need not pay
    from hotline.cli.client import Client
    from hotline.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

DATA_DIR_HELP = "Where everything is kept; default: data."
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help=DATA_DIR_HELP)]
"""For commands that take it behind their name too."""

WIDTH = 160
"""Tables are as wide as they need to be, up to this; a narrower terminal folds lines rather than losing ids."""

console = Console(highlight=False)
tables = Console(highlight=False, width=max(console.width, WIDTH), soft_wrap=True)
errors = Console(stderr=True, highlight=False)


def one_processor() -> None:
    """Have numerical libraries use one processor: fits are many and small, and several threads of each wait for one another.

    The libraries read it when a command loads them, so it comes first.
    """
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")


class Shell:
    """The options that stand before a command; kept in typer's context."""

    def __init__(self, config: Path | None, data_dir: Path | None) -> None:
        self.config = config
        """The settings file that was named, if one was."""
        self._data_dir = data_dir
        self._settings: Settings | None = None

    def settings(self, data_dir: Path | None = None) -> "Settings":
        """Read the settings (once); a data directory from the command line wins, the one behind the command most."""
        from hotline.settings import load

        if self._settings is None or data_dir is not None:
            chosen = data_dir or self._data_dir
            self._settings = load(self.config, **({} if chosen is None else {"data_dir": chosen}))
        return self._settings

    def client(self) -> "Client":
        """Return a client of the hotline that runs on the data directory."""
        from hotline.cli.client import Client

        return Client.of(self.settings().data_dir)

    def zone(self) -> tzinfo:
        """Return the time zone in which times are shown: the house's, wherever the terminal is."""
        from zoneinfo import ZoneInfo

        return ZoneInfo(self.settings().ivr.timezone)

    def again(self) -> str:
        """Return the start of a command line, ready to be pasted, for this installation and these options."""
        given = [_program()]
        if self.config is not None:
            given += ["--config", str(self.config)]
        data_dir = self.settings().data_dir
        if str(data_dir) != "data":
            given += ["--data-dir", str(data_dir)]
        return shlex.join(given)


def _program() -> str:
    """Return how this program was started: `hotline` when that leads to it, else the path."""
    started = Path(sys.argv[0])
    if started.name != "hotline":
        return "hotline"
    found = shutil.which("hotline")
    return "hotline" if found is not None and Path(found).resolve() == started.resolve() else str(started)


def shell(ctx: typer.Context) -> Shell:
    """Return what stood before the command."""
    found = ctx.find_object(Shell)
    return found if found is not None else Shell(None, None)


def one_sentence(function: Callable[P, R]) -> Callable[P, R]:
    """Turn our errors into one sentence and exit status 1."""

    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except HotlineError as exc:
            errors.print(f"hotline: {escape(str(exc))}", style="red", soft_wrap=True)
            raise typer.Exit(1) from exc
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except BrokenPipeError:
            sys.stderr.close()
            raise typer.Exit(0) from None

    return guarded


def print_json(value: Any) -> None:
    """Print a value for programs: UTF-8, one document."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print rows for people, or the sentence `empty` when there are none."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*(escape("" if cell is None else str(cell)) for cell in row))
    if table.row_count:
        tables.print(table)
    else:
        console.print(empty, markup=False)


def local_time(at: float | str | None, zone: tzinfo) -> str:
    """Show a time (seconds since 1970, or RFC 3339) in a zone, to the second."""
    if at is None or at == "":
        return ""
    moment = datetime.fromtimestamp(at, UTC) if isinstance(at, int | float) else datetime.fromisoformat(at)
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def seconds(value: float | None) -> str:
    """Show a duration with a tenth of a second, or nothing."""
    return "" if value is None else f"{value:.1f}"
