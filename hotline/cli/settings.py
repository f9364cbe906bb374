"""`hotline settings check`: every mistake in the settings, with its place and its remedy."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape

from hotline.cli.shell import JsonFlag, console, one_sentence, print_json, shell
from hotline.errors import Misuse

app = typer.Typer(help="The settings file. Example: hotline settings check --config hotline.toml", no_args_is_help=True)

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="The file to check; default: the one before the command, or hotline.toml here."),
]


@app.callback()
def settings() -> None:
    """Keep `check` a command of its own."""


@app.command("check")
@one_sentence
def check(ctx: typer.Context, config: ConfigFile = None, as_json: JsonFlag = False) -> None:
    """Look for mistakes in the settings: file and line (or variable), what is wrong, what to do. Exit status 1 if there are any.

    Nothing is started or changed. Example: hotline settings check --config site.toml --json
    """
    from hotline.settings import CONFIG_FILE
    from hotline.settings.mistakes import BadSettings

    file = config or shell(ctx).config
    try:
        _load(file)
        found: list[Any] = []
    except BadSettings as exc:
        found = [msgspec.to_builtins(m) | {"place": m.place, "said": str(m)} for m in exc.mistakes]
    if as_json:
        print_json(found)
    elif not found:
        there = file is not None or Path(CONFIG_FILE).is_file()
        console.print(
            f"{file or CONFIG_FILE} is right" if there else "no settings file: the defaults hold", markup=False
        )
    else:
        for mistake in found:
            _show(mistake)
    if found:
        raise typer.Exit(1)


def _load(file: Path | None) -> None:
    from hotline.settings import load

    if file is not None and not file.is_file():
        raise Misuse(f"settings: there is no file {file}")
    load(file)


def _show(mistake: dict[str, Any]) -> None:
    place, said = mistake["place"], ": ".join(filter(None, (mistake["where"], mistake["text"])))
    console.print(f"[red]{escape(place)}[/red] {escape(said)}" if place else escape(said), soft_wrap=True)
    if mistake["remedy"]:
        console.print(f"    → {escape(mistake['remedy'])}", soft_wrap=True)
