"""`hotline flow`: check, show and try call flows, without any phone."""

from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, help="Check, show and try call flows.")

Config = Annotated[Path | None, typer.Option("--config", help="The settings file; default: hotline.toml here.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Name = Annotated[str, typer.Argument(help="A flow by its name, or a file.")]


@app.command()
def check(
    files: Annotated[list[str], typer.Argument(help="Flows by name, or files.")],
    config: Config = None,
    json: Json = False,
) -> None:
    """Check flows and tell every mistake with its line and column; exit status 1 if there is one.

    Example: hotline flow check flows/main.yaml
    """
    results = [_checked(name, config) for name in files]
    if json:
        _print_json(results)
    else:
        for result in results:
            _print_result(result)
    if not all(result["ok"] for result in results):
        raise typer.Exit(1)


@app.command()
def show(name: Name, config: Config = None) -> None:
    """Show a flow as a tree: steps, texts with the names of their recordings, ways on.

    Example: hotline flow show main
    """
    from ivr.flow.explain import show as tree

    typer.echo(tree(_read(name, config)))


@app.command("try")
def try_(
    name: Name,
    digits: Annotated[
        str | None,
        typer.Option(
            "--digits",
            help="What happens, separated by commas: keys to press, - (nothing is pressed), answer, noanswer, hangup.",
        ),
    ] = None,
    at: Annotated[
        str, typer.Option("--at", help="Local time of the call, such as 2026-10-01T10:00; default: now.")
    ] = "",
    config: Config = None,
    json: Json = False,
) -> None:
    """Walk through a flow as a caller would; without --digits it asks at each menu.

    Example: hotline flow try main --digits 9,1,answer
    """
    from ivr.flow.explain import Walk, walk

    flow = _read(name, config)
    now = _time(at)
    if digits is not None:
        lines = walk(flow, [token.strip() for token in digits.split(",") if token.strip()], now=now)
        if json:
            _print_json({"flow": flow.name, "version": flow.version, "lines": lines})
        else:
            typer.echo("\n".join(lines))
        return
    _interactive(Walk(flow, now=now))


def _interactive(trial: Any) -> None:
    printed = 0
    while True:
        typer.echo("\n".join(trial.lines[printed:]))
        printed = len(trial.lines)
        if not trial.asks:
            return
        question = "keys, Enter for none" if trial.asks == "digits" else "answer, noanswer, hangup"
        token = typer.prompt(question, default="", show_default=False)
        wrong = trial.go(token.strip())
        if wrong:
            typer.echo(wrong)


def _read(name: str, config: Path | None) -> Any:
    from hotline.errors import Misuse

    try:
        return _load(name, config)
    except Misuse as exc:
        typer.echo(str(exc), err=True)
        raise typer.Exit(1) from exc


def _load(name: str, config: Path | None) -> Any:
    from hotline.settings import load
    from ivr.flow.library import flow_file, read_flow

    settings = load(config)
    file = Path(name)
    return read_flow(file if file.suffix in (".yaml", ".yml") else flow_file(settings, name), settings)


def _checked(name: str, config: Path | None) -> dict[str, Any]:
    from hotline.errors import Misuse
    from ivr.flow.marks import FlowInvalid

    try:
        flow = _load(name, config)
    except FlowInvalid as exc:
        problems = [{"line": p.mark.line, "column": p.mark.column, "message": p.message} for p in exc.problems]
        return {"source": exc.source, "ok": False, "problems": problems}
    except Misuse as exc:
        return {"source": name, "ok": False, "problems": [{"message": str(exc)}]}
    return {
        "source": name,
        "ok": True,
        "flow": flow.name,
        "version": flow.version,
        "steps": len(flow.steps),
        "problems": [],
    }


def _print_result(result: dict[str, Any]) -> None:
    if result["ok"]:
        typer.echo(
            f"{result['source']}: flow {result['flow']}, version {result['version']}, {result['steps']} steps: good"
        )
    for problem in result["problems"]:
        where = f"{result['source']}:{problem['line']}:{problem['column']}: " if "line" in problem else ""
        typer.echo(f"{where}{problem['message']}", err=True)


def _print_json(value: object) -> None:
    import msgspec

    typer.echo(msgspec.json.encode(value).decode())


def _time(text: str) -> float:
    """Return the time of the imagined call, seconds since 1970."""
    from datetime import datetime

    from hotline.runtime.clock import SteadyClock

    if not text:
        return SteadyClock().now()
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError as exc:
        typer.echo(f"--at: `{text}` is no time like 2026-10-01T10:00", err=True)
        raise typer.Exit(2) from exc
