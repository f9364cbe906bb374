"""`hotline journal replay`: a stretch of the past once more, under the same policy or another."""

import asyncio
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from hotline.cli.records import open_store
from hotline.cli.shell import JsonFlag, console, local_time, one_sentence, print_json, print_table, shell
from hotline.cli.simulate import SHOWN, progress_bar
from hotline.errors import Misuse

if TYPE_CHECKING:
    from acd.simulation.again import Again, Way
    from hotline.facts import Fact

MOST_FACTS = 3_000_000
"""A longer stretch does not fit into memory comfortably; replay it in parts."""

WHY = {
    "same": "the same",
    "other_agent": "another agent (his idle time, or a strategy's counts, are not in the journal as the router had them)",
    "other_caller": "another caller first (he may have been on his way back from a ring)",
    "nobody": "nobody (the agent or the caller was not free as the journal tells it)",
}


MODELLED = (
    "As it was: who called when and asked what, who hung up after which wait, talks and wrap-ups, when agents came, went and paused.",
    "Modelled: the patience of those who were answered, the talks of those who were not, phones that did not ring then.",
    "Callbacks, as it was: who left a number and when, his place, each ringing of his phone and what came of it, his talk, who cancelled.",
    "Callbacks, modelled: when he is called and by whom (the router decides), rings beyond those that there were, talks of who was not reached.",
)
"""What of a replay is which; those of callbacks come last."""


@one_sentence
def replay(
    ctx: typer.Context,
    since: Annotated[str, typer.Option("--from", help="Beginning, RFC 3339 or 2026-10-01 (house time).")],
    until: Annotated[str | None, typer.Option("--to", help="End; default: the last call.")] = None,
    policy: Annotated[
        list[Path] | None,
        typer.Option("--policy", help="A TOML file with queues as they shall be; several are compared."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Where luck begins, for what nobody can know.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """What if yesterday: play what happened again, by the router as it is set now and under other policies.

    Callers come when they came, and those who left a number leave it when they did; when they are called is decided anew. Says too how many of the router's decisions would be the same in the situation as it was, and shows those that would not.

    Example: hotline journal replay --from 2026-10-01 --to 2026-10-02 --policy vip-first.toml
    """
    from acd.simulation.again import replay as run

    zone = shell(ctx).zone()
    begin = _moment(since, zone)
    ways = _ways(ctx, policy or [])
    with progress_bar() as progress:
        facts, end = asyncio.run(_read(ctx, begin, _moment(until, zone) if until else None))
        report = run(facts, ways, begin=begin, end=end, seed=seed, progress=progress)
    if as_json:
        print_json(msgspec.to_builtins(report, str_keys=True))
    else:
        _show(report, zone)


def _ways(ctx: typer.Context, policies: list[Path]) -> "tuple[Way, ...]":
    from acd.simulation.again import WHOEVER_ASKED, Way
    from acd.simulation.files import read_toml
    from acd.simulation.scenario import between_queues_of, changed_queues
    from hotline import dialling

    settings = shell(ctx).settings()
    queues, between = settings.queues, settings.acd.between_queues
    outbound = dialling.policy(settings) if settings.outbound.trunk else WHOEVER_ASKED
    ways = [Way(name="as set now", queues=queues, between_queues=between, outbound=outbound)]
    for path in policies:
        tree = read_toml(path)
        ways.append(
            Way(
                name=str(tree.get("name", path.stem)),
                queues=changed_queues(tree, str(path), queues),
                between_queues=between_queues_of(tree, str(path), between),
                outbound=outbound,
            )
        )
    return tuple(ways)


async def _read(ctx: typer.Context, begin: float, end: float | None) -> "tuple[list[Fact], float]":
    from acd.simulation.journal import read_facts, span

    async with open_store(shell(ctx)) as store:
        known = await span(store)
        if known is None:
            raise Misuse("nobody has waited in a queue, or asked to be called back, yet")
        last = end if end is not None else known[1] + 3_600.0
        if last <= begin:
            raise Misuse("--to must be after --from")
        facts: list[Fact] = []
        async for fact in read_facts(store, begin, last):
            facts.append(fact)
            if len(facts) > MOST_FACTS:
                raise Misuse(f"more than {MOST_FACTS} facts: choose a shorter time")
        return facts, last


def _moment(text: str, zone: tzinfo) -> float:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as exc:
        raise Misuse(f"{text!r} is not a time such as 2026-10-01 or 2026-10-01T08:00:00+08:00") from exc
    return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).timestamp()


def _show(report: "Again", zone: tzinfo) -> None:
    from acd.simulation.summary import NAMES, TOTAL

    skipped = f", {report.skipped} left out (begun before)" if report.skipped else ""
    asked = f", {report.callbacks} callbacks" if report.callbacks else ""
    console.print(
        f"{local_time(report.begin, zone)} to {local_time(report.end, zone)}: {report.callers} callers{asked}{skipped}",
        markup=False,
    )
    _show_decisions(report, zone)
    for queue, real in report.real.items():
        console.print(f"\n{'all queues' if queue == TOTAL else f'queue {queue}'}", style="bold", markup=False)
        rows = [
            (NAMES[name], _cell(name, real[name]), *(_cell(name, way[queue][name]) for way in report.ways.values()))
            for name in SHOWN
        ]
        print_table(("", "as it was", *report.ways), rows, empty="nobody called")
        if queue in report.real_callbacks:
            _show_callbacks(report, queue)
    for text in MODELLED if report.callbacks else MODELLED[:2]:
        console.print(f"\n{text}", style="dim", markup=False, highlight=False)


def _show_callbacks(report: "Again", queue: str) -> None:
    from acd.simulation.callback_summary import NAMES

    none = dict.fromkeys(NAMES, None)
    rows = [
        (
            text,
            _cell(name, report.real_callbacks[queue][name]),
            *(_cell(name, way.get(queue, none)[name]) for way in report.ways_callbacks.values()),
        )
        for name, text in NAMES.items()
    ]
    print_table(("callbacks", "as it was", *report.ways_callbacks), rows, empty="")


def _show_decisions(report: "Again", zone: tzinfo) -> None:
    decided = report.decided
    if decided.share is None:
        return
    console.print(
        f"decisions: {decided.counts['same']} of {decided.decisions} ({decided.share:.1%}) would be the same",
        markup=False,
    )
    for why, number in decided.counts.items():
        if why != "same":
            console.print(f"  {number} times {WHY[why]}", markup=False)
    rows = [(local_time(d.at, zone), d.call_id, d.agent_id, d.why, d.instead) for d in decided.examples]
    if rows:
        print_table(("at", "call", "agent then", "now", "who"), rows, empty="")


def _cell(name: str, value: Any) -> str:
    from acd.simulation.plot import units

    if value is None:
        return "-"
    factor, unit = units(name)
    return f"{value * factor:.1f} {unit}".strip()
