"""`hotline simulate`: a day of made-up callers under one policy or several, with the router that runs the house."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from hotline.cli.shell import JsonFlag, console, errors, one_sentence, print_json, print_table
from hotline.errors import Misuse

if TYPE_CHECKING:
    from acd.simulation.run import Progress, Result

PICTURES = (".svg", ".png", ".html")


@one_sentence
def simulate(
    scenario: Annotated[
        Path, typer.Argument(help="A TOML file with callers, staff and queues; see docs/simulation.md.")
    ],
    replications: Annotated[
        int | None,
        typer.Option("--replications", "-n", min=1, max=100_000, help="How many days; default: as the scenario says."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Where luck begins; the same seed gives the same numbers.")] = None,
    policy: Annotated[
        list[Path] | None,
        typer.Option(
            "--policy",
            help="A TOML file with what shall be otherwise; several are compared, all with the same callers.",
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Write a picture: FILE.svg, FILE.png, or FILE.html with all numbers.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Play a day of made-up callers with the real router, many times, and say what they and the agents met.

    Example: hotline simulate docs/examples/simulation.toml --policy docs/examples/simulation-cards-first.toml --plot day.html
    """
    from acd.simulation import files
    from acd.simulation.run import run
    from acd.simulation.scenario import own_policy
    from hotline.runtime import collector

    _check_plot(plot)
    read = files.read_scenario(scenario)
    base = own_policy(read)
    policies = (base, *(files.read_policy(path, base) for path in policy or ()))
    given = files.read_given(read, scenario.parent)
    chosen_seed = read.seed if seed is None else seed
    collector.set_aside()
    with progress_bar() as progress:
        results = run(
            read, policies, given, replications=replications or read.replications, seed=chosen_seed, progress=progress
        )
    if as_json:
        print_json(as_builtins(results, chosen_seed))
    else:
        show(results, chosen_seed)
    _write_plot(plot, results, read.name or scenario.stem)


def _check_plot(plot: Path | None) -> None:
    if plot is not None and plot.suffix not in PICTURES:
        raise Misuse(f"--plot writes {', '.join(PICTURES)}, not {plot.suffix or plot.name}")


def _write_plot(plot: Path | None, results: "Sequence[Result]", title: str) -> None:
    from acd.simulation import plot as drawing
    from acd.simulation.png import key_of, png

    if plot is None:
        return
    key: dict[str, str] = {}
    match plot.suffix:
        case ".svg":
            written = drawing.svg(results).encode()
        case ".html":
            written = drawing.html(results, title).encode()
        case _:
            drawn = drawing.picture(results)
            written, key = png(drawn), key_of(drawn)
    try:
        plot.write_bytes(written)
    except OSError as exc:
        raise Misuse(f"{plot} cannot be written: {exc.strerror}") from exc
    shown = "".join(f"; {number} is {text}" for text, number in key.items())
    errors.print(f"{plot}: written{shown}", markup=False)


def as_builtins(results: "Sequence[Result]", seed: int) -> dict[str, Any]:
    """Return results for programs."""
    return {
        "seed": seed,
        "replications": results[0].replications,
        "interval": "95 % over replications: mean plus and minus half_width",
        "policies": [
            {
                "name": r.policy.name,
                "calls": r.calls,
                "events": r.events,
                "queues": msgspec.to_builtins(r.queues),
                "against_first": msgspec.to_builtins(r.against_first),
            }
            for r in results
        ],
    }


SHOWN = (
    "offered", "answered", "abandoned", "flowed_out", "waiting", "service_level", "abandonment", "asa_s", "wait_p50_s", "wait_p90_s",
    "wait_p99_s", "occupancy", "overtakes", "no_answer",
)  # fmt: skip


def show(results: "Sequence[Result]", seed: int) -> None:
    """Print results for people."""
    from acd.simulation.plot import text_of, units
    from acd.simulation.summary import NAMES, TOTAL

    first = results[0]
    console.print(
        f"{first.replications} replications, {first.calls} callers, seed {seed}; ± is half of the 95 % interval",
        markup=False,
    )
    for queue in first.queues:
        console.print(f"\n{'all queues' if queue == TOTAL else f'queue {queue}'}", style="bold", markup=False)
        heads = [first.policy.name]
        for result in results[1:]:
            heads += [result.policy.name, "difference"]
        rows: list[list[object]] = []
        for name in SHOWN:
            factor, unit = units(name)
            cells: list[object] = [NAMES[name], text_of(first.queues[queue][name], factor, unit)]
            for result in results[1:]:
                differs = result.against_first[queue][name] if result.against_first is not None else None
                cells += [
                    text_of(result.queues[queue][name], factor, unit),
                    text_of(differs, factor, unit, signed=True),
                ]
            rows.append(cells)
        print_table(("", *heads), rows, empty="nobody called")


@contextmanager
def progress_bar(doing: str = "simulating") -> "Iterator[Progress]":
    """Show on standard error how far it is: a bar on a terminal, nothing elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task(doing, total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=max(total, 1))
