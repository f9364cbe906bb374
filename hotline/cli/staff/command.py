"""`hotline staff`: how many agents each interval needs, from a file or the running hotline, and what if."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from hotline.cli.shell import (
    JsonFlag,
    Shell,
    console,
    errors,
    one_processor,
    one_sentence,
    print_json,
    print_table,
    shell,
)
from hotline.cli.simulate import progress_bar
from hotline.cli.staff.options import Wanted, WhatIf
from hotline.errors import Misuse

if TYPE_CHECKING:  # numpy costs start-up time that `--help` need not pay
    from forecast.staffing.rules import Rules
    from hotline.cli.staff.show import Shown
    from hotline.cli.staff.source import Reading, Source


@one_sentence
def staff(
    ctx: typer.Context,
    csv: Annotated[Path | None, typer.Option("--csv", help="Counts, calls (docs/series.md) or a forecast (docs/staffing.md); gzip is fine.")] = None,
    queue: Annotated[str, typer.Option(help="The queue of the running hotline, or of the file where it has several.")] = "",
    house: Annotated[bool, typer.Option("--house", help="All queues of the running hotline, as it counts them itself.")] = False,
    shared: Annotated[Path | None, typer.Option(help="A scenario (docs/simulation.md) with several queues: agents of each skill group, by simulation.")] = None,
    target: Annotated[str | None, typer.Option(help="Share of callers answered in time, and the time: 80/30.")] = None,
    asa: Annotated[float | None, typer.Option(help="Mean wait of the answered in seconds, at most.")] = None,
    abandon: Annotated[str | None, typer.Option(help="Share of callers who hang up, at most: 5%.")] = None,
    occupancy: Annotated[str | None, typer.Option(help="Share of their time in which agents work, at most: 85%.")] = None,
    aht: Annotated[float | None, typer.Option(help="Handling time in seconds: talk and wrap-up.")] = None,
    cv: Annotated[float | None, typer.Option("--aht-cv", help="Standard deviation of handling times by their mean.")] = None,
    patience: Annotated[float | None, typer.Option(min=0, help="Mean patience in seconds; 0: nobody hangs up.")] = None,
    shrinkage: Annotated[str | None, typer.Option(help="Share of paid time in which agents are not there: 30%.")] = None,
    least: Annotated[int | None, typer.Option(min=0, help="Agents at least.")] = None,
    slots: Annotated[str, typer.Option(help="Only these hours of the file: 08:30-21:30.")] = "",
    step: Annotated[int | None, typer.Option(min=1, max=720, help="Minutes of an interval; default: the file's.")] = None,
    zone: Annotated[str, typer.Option(help="Whose local time the file has.")] = "UTC",
    column: Annotated[str, typer.Option(help="The column with the counts, where several could be.")] = "",
    weekdays: Annotated[str, typer.Option(help="Only these days of the week of the file: mon-fri.")] = "",
    country: Annotated[str, typer.Option(help="Whose holidays, as CN, US, GB-WLS; default: none.")] = "",
    days: Annotated[int, typer.Option(min=1, max=60, help="How many open days after the file, or of the running hotline with today.")] = 1,
    model: Annotated[str, typer.Option(help="Which model forecasts the file; default: the usual one.")] = "",
    compare: Annotated[bool, typer.Option("--compare", help="Compare all models on the file first, and take the best.")] = False,
    agents: Annotated[str, typer.Option(help="Who will be there: a number, or a CSV file with `ts` and `agents`.")] = "",
    volumes: Annotated[str | None, typer.Option(help="What if so many times as many call: 1.2 or +20%.")] = None,
    handling: Annotated[float | None, typer.Option(help="What if calls last so many seconds longer: -10.")] = None,
    absent: Annotated[int | None, typer.Option(min=0, help="What if so many agents are ill.")] = None,
    other: Annotated[str | None, typer.Option("--other-target", help="What if this was asked for: 90/20.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write a CSV file with a row for each interval.")] = None,
    simulated: Annotated[int, typer.Option(min=10, max=100_000, help="With --shared: simulated days in all, at most.")] = 300,
    seed: Annotated[int | None, typer.Option(help="With --shared: where luck begins.")] = None,
    as_json: JsonFlag = False,
) -> None:  # fmt: skip
    """Say how many agents each interval needs so that the target is expected to be met over everything that may come.

    All queues of the running hotline: `hotline staff --house`.
    Example: hotline staff --csv calls.csv --aht 180 --target 80/30 --patience 300 --shrinkage 30% --volumes +20% --absent 2
    """
    one_processor()
    from hotline.cli.staff.source import Reading

    asked = [
        name for name, given in (("--csv", csv), ("--shared", shared), ("--house", house or None)) if given is not None
    ]
    if len(asked) > 1 or not (asked or queue):
        raise Misuse("say of what: --csv FILE, --shared SCENARIO, or --queue QUEUE (or --house) of the running hotline")
    if shared is not None:
        from hotline.cli.staff.shared import staff_shared

        staff_shared(shared, simulated=simulated, seed=seed, out=out, as_json=as_json)
        return
    reading = Reading(
        queue=queue, slots=slots, step=step, zone=zone, column=column, weekdays=weekdays, country=country, days=days, model=model, compare=compare,
    )  # fmt: skip
    wanted = Wanted(
        target=target, asa=asa, abandon=abandon, occupancy=occupancy, aht=aht, cv=cv, patience=patience, shrinkage=shrinkage, least=least,
    )  # fmt: skip
    whatif = WhatIf(volumes=volumes, handling=handling, absent=absent, other=other)
    plain = wanted == Wanted() and not agents
    if house and not (plain and not queue):
        raise Misuse("--house goes with --days and what if (--volumes, --handling, --absent, --other-target) only")
    if csv is None and plain and (house or _shares(shell(ctx), queue)):
        _print_live(shell(ctx), "" if house else queue, days, whatif, out, as_json=as_json)
        return
    _print(
        _shown(Ask(csv=csv, reading=reading, wanted=wanted, whatif=whatif, agents=agents), shell(ctx)),
        out,
        as_json=as_json,
    )


def _shares(house: Shell, queue: str) -> bool:
    """Return whether a queue of the running hotline shares agents. Raises Misuse for one that there is not."""
    from forecast.of_settings import queue_of
    from hotline.cli.staff.live import shares

    return bool(shares(house.client(), queue_of(house.settings(), queue).id))


def _print_live(house: Shell, queue: str, days: int, whatif: WhatIf, out: Path | None, *, as_json: bool) -> None:
    from hotline.cli.staff import live

    found = live.ask(house.client(), queue, days, tuple(whatif.variants()), house.zone())
    if as_json:
        print_json(live.as_builtins(found))
    else:
        print_table(live.COLUMNS, live.table(found), empty="it is closed all the time")
        if found.variants:
            console.print()
            print_table(live.variant_columns(found), live.variant_table(found), empty="")
        for line in live.summary(found):
            console.print(line, markup=False, soft_wrap=True)
    if out is not None:
        write(out, live.as_csv(found))


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Everything that was said on the command line about one queue."""

    csv: Path | None
    reading: "Reading"
    wanted: Wanted = field(default_factory=Wanted)
    whatif: WhatIf = field(default_factory=WhatIf)
    agents: str = ""


def _shown(ask: Ask, house: Shell) -> "Shown":
    from forecast.staffing.plan import reached
    from forecast.staffing.whatif import compare
    from hotline.cli.staff.show import Shown

    source, usual = _source(ask, house)
    rules = ask.wanted.applied(usual)
    handling_s = None if ask.wanted.aht is not None or isinstance(source.handling_s, float) else source.handling_s
    there = _there(ask, source)
    given = {"handling_s": handling_s, "is_open": source.is_open}
    counted = None if there is None else _filled(there)
    base, outcomes = compare(source.forecast, rules, tuple(ask.whatif.variants()), agents=counted, **given)
    return Shown(
        staffing=base,
        rules=rules,
        where=source.where,
        there=there,
        reached=None if counted is None else reached(source.forecast, rules, counted, **given),
        outcomes=outcomes,
        on_duty=source.on_duty,
        now=source.now,
        said=source.said,
    )


def _source(ask: Ask, house: Shell) -> "tuple[Source, Rules]":
    """Return the forecast, and the rules before the command line's word: measured, else of the settings."""
    from forecast.staffing.rules import rules_of
    from hotline.cli.staff.source import of_file, of_hotline
    from hotline.settings.forecasting import Forecasting
    from hotline.settings.queues import Queue

    if ask.csv is None:
        from forecast.of_settings import queue_of, zone_of
        from hotline.runtime.clock import SteadyClock

        settings = house.settings()
        known = queue_of(settings, ask.reading.queue)
        now = datetime.fromtimestamp(SteadyClock().now(), ZoneInfo(zone_of(settings, known)))
        source = of_hotline(house.client(), known.id, days=ask.reading.days, now=now)
        return source, rules_of(
            known, settings.forecast, handling_s=_one(source.handling_s), handling_cv=source.handling_cv or 1.0, patience_s=source.patience_s,
        )  # fmt: skip
    with progress_bar("comparing") as progress:
        source = of_file(ask.csv, ask.reading, progress)
    measured = rules_of(
        Queue(id="file"), Forecasting(), handling_s=_one(source.handling_s), handling_cv=source.handling_cv or 1.0, patience_s=source.patience_s,
    )  # fmt: skip
    return source, measured


def _one(handling_s: Any) -> float | None:
    """Return one handling time for all intervals: that of most of them."""
    import numpy as np

    return None if handling_s is None else float(np.median(handling_s))


def _there(ask: Ask, source: "Source") -> Any:
    """Return who will be there, (H, S) with NaN where nobody said; None: nothing is known."""
    import numpy as np

    shape = source.forecast.mean.shape
    if not ask.agents:
        return source.scheduled
    if ask.agents.isdecimal():
        return np.full(shape, float(ask.agents))
    from forecast.series.files import read_counts

    read = read_counts(Path(ask.agents), zone=ask.reading.zone, count_column="agents")
    found = np.full(shape, np.nan)
    for day, period in enumerate(source.forecast.periods):
        for slot, start in enumerate(source.forecast.starts_min):
            row, column = np.flatnonzero(read.periods == period), (start - read.starts_min[0]) // read.step_min
            if len(row) and 0 <= column < len(read.starts_min):
                found[day, slot] = read.values[row[0], column]
    if np.isnan(found).all():
        first = source.forecast.periods[0]
        raise Misuse(f"{ask.agents}: it says nothing about the days that are forecast, from {first} on")
    return found


def _filled(there: Any) -> Any:
    """Return whole agents, 0 where nobody said."""
    import numpy as np

    return np.nan_to_num(there).astype(np.int64)


def _print(shown: "Shown", out: Path | None, *, as_json: bool) -> None:
    from hotline.cli.staff import show as staff_show

    for sentence in shown.said:
        errors.print(sentence, markup=False)
    if as_json:
        print_json(staff_show.as_builtins(shown))
    else:
        console.print(staff_show.heading(shown), markup=False, soft_wrap=True)
        print_table(staff_show.columns(shown), staff_show.rows(shown), empty="it is closed all the time")
        if shown.outcomes:
            console.print()
            print_table(staff_show.variant_columns(shown), staff_show.variant_rows(shown), empty="")
        for line in staff_show.summary(shown):
            console.print(line, markup=False, soft_wrap=True)
    if out is not None:
        write(out, staff_show.as_csv(shown))


def write(out: Path, text: str) -> None:
    """Write a file, and say so. Raises Misuse."""
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise Misuse(f"{out} cannot be written: {exc.strerror}") from exc
    errors.print(f"{out}: written", markup=False)
