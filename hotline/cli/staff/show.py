"""What `hotline staff` prints: a line for each interval, for people, for programs and as CSV. Pure."""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forecast.staffing.levels import Levels
    from forecast.staffing.plan import Staffing
    from forecast.staffing.rules import Rules
    from forecast.staffing.whatif import Outcome

DECIDED = {
    "service_level": "level",
    "wait": "wait",
    "abandonment": "abandons",
    "occupancy": "occupancy",
    "least": "least",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """Everything that was found."""

    staffing: "Staffing"
    rules: "Rules"
    where: str
    there: Any = None
    """(H, S): who is there or scheduled, NaN where nobody said; None: not known."""
    reached: "Levels | None" = None
    """What callers meet with them."""
    outcomes: Sequence["Outcome"] = ()
    on_duty: int | None = None
    """Who is logged in now."""
    now: tuple[str, int] | None = None
    """The local day and minute."""
    said: Sequence[str] = ()


def heading(shown: Shown) -> str:
    """Return in a line what is asked for and of what."""
    work, rules = shown.rules.work, shown.rules
    parts = [f"{shown.where}", f"handling {work.handling_s:.0f} s"]
    parts.append("nobody hangs up" if math.isinf(work.patience_s) else f"patience {work.patience_s:.0f} s")
    parts += list(goals(rules))
    if rules.shrinkage:
        parts.append(f"shrinkage {percent(rules.shrinkage)}")
    return "; ".join(parts)


def goals(rules: "Rules") -> Iterator[str]:
    """Return each target in words."""
    asked = rules.targets
    if asked.share is not None:
        yield f"{percent(asked.share)} within {asked.threshold_s:g} s"
    if asked.wait_s is not None:
        yield f"mean wait up to {asked.wait_s:g} s"
    if asked.abandoned is not None:
        yield f"abandonment up to {percent(asked.abandoned)}"
    if asked.occupancy is not None:
        yield f"occupancy up to {percent(asked.occupancy)}"


def columns(shown: Shown) -> list[str]:
    """Return the head of the table."""
    head = [
        "interval",
        "calls",
        "erlangs",
        "agents",
        "range",
        "paid",
        "level",
        "wait",
        "abandon",
        "occupancy",
        "decided by",
    ]
    if shown.there is not None:
        head += ["there", "gap", "level then"]
    return head


def rows(shown: Shown) -> Iterator[list[str]]:
    """Return a row for each open interval."""
    for at, when in places(shown.staffing):
        yield [when, *_needed(shown, at), *_present(shown, at)]


def places(staffing: "Staffing") -> Iterator[tuple[tuple[int, int], str]]:
    """Return the place of each open interval in the arrays, and its name."""
    for day, period in enumerate(staffing.periods):
        for slot, start in enumerate(staffing.starts_min):
            if not math.isnan(staffing.expected.service_level[day, slot]):
                yield (day, slot), f"{period} {start // 60:02}:{start % 60:02}"


def _needed(shown: Shown, at: tuple[int, int]) -> list[str]:
    made, met = shown.staffing, shown.staffing.expected
    decided = "+".join(DECIDED[goal] for goal in str(made.decided_by[at]).split("+") if goal)
    return [
        f"{made.calls[at]:.1f}", f"{made.load[at]:.1f}", str(made.agents[at]), f"{made.low[at]}-{made.high[at]}", str(made.paid[at]),
        percent(met.service_level[at]), f"{met.asa_s[at]:.0f} s", percent(met.abandoned[at]), percent(met.occupancy[at]), decided,
    ]  # fmt: skip


def _present(shown: Shown, at: tuple[int, int]) -> list[str]:
    if shown.there is None:
        return []
    there = shown.there[at]
    if math.isnan(there):
        return ["", "", ""]
    level = "" if shown.reached is None else percent(shown.reached.service_level[at])
    return [f"{there:.0f}", f"{there - shown.staffing.agents[at]:+.0f}", level]


def variant_columns(shown: Shown) -> list[str]:
    """Return the head of the table of what may be otherwise."""
    head = ["interval", "agents"]
    for outcome in shown.outcomes:
        head += [f"| {outcome.variant.name}: agents", "missing", "level then"]
    return head


def variant_rows(shown: Shown) -> Iterator[list[str]]:
    """Return for each open interval what every variant needs, who is missing for it, and the level if nobody does anything."""
    for at, when in places(shown.staffing):
        row = [when, str(shown.staffing.agents[at])]
        for outcome in shown.outcomes:
            missing = f"{outcome.missing[at]:+d}" if outcome.missing[at] else "0"
            row += [f"| {outcome.needed.agents[at]}", missing, percent(outcome.unchanged.service_level[at])]
        yield row


def summary(shown: Shown) -> Iterator[str]:
    """Return what holds for all intervals together, a line each."""
    made = shown.staffing
    hours = made.step_min / 60
    yield (
        f"{made.calls.sum():.0f} calls, {made.agents.sum() * hours:.1f} agent hours ({made.low.sum() * hours:.1f} to "
        f"{made.high.sum() * hours:.1f}), {made.paid.sum() * hours:.1f} paid, at most {made.agents.max(initial=0)} at once; "
        f"expected {_levels(made.total())}"
    )
    for outcome in shown.outcomes:
        more = (outcome.needed.agents.sum() - made.agents.sum()) * hours
        yield f"{outcome.variant.name}: {more:+.1f} agent hours needed; if nobody does anything: {_levels(outcome.total())}"
    if shown.on_duty is not None:
        needed = needed_now(shown)
        yield f"on duty now: {shown.on_duty}" + (
            "" if needed is None else f", {needed} needed ({shown.on_duty - needed:+d})"
        )


def needed_now(shown: Shown) -> int | None:
    """Return the agents of the present interval; None: it is closed, or nobody said when now is."""
    made = shown.staffing
    for day, slot in (at for at, _ in places(made)):
        begins = made.starts_min[slot]
        if (
            shown.now is not None
            and str(made.periods[day]) == shown.now[0]
            and begins <= shown.now[1] < begins + made.step_min
        ):
            return int(made.agents[day, slot])
    return None


def _levels(total: dict[str, float]) -> str:
    return (
        f"level {percent(total['service_level'])}, mean wait {_number(total['asa_s'], 0)} s, abandonment {percent(total['abandoned'])}, "
        f"occupancy {percent(total['occupancy'])}"
    )


def percent(value: float) -> str:
    """Return a share for people."""
    return "" if math.isnan(value) else f"{100 * value:.1f} %"


def _number(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"


# --- for programs --------------------------------------------------------------------------------------------------------


def as_builtins(shown: Shown) -> dict[str, Any]:
    """Return everything for programs; shares are fractions, what is not known is null."""
    made, rules = shown.staffing, shown.rules
    return {
        "source": shown.where,
        "said": list(shown.said),
        "targets": {
            "share": rules.targets.share, "threshold_s": rules.targets.threshold_s, "wait_s": rules.targets.wait_s,
            "abandoned": rules.targets.abandoned, "occupancy": rules.targets.occupancy,
        },
        "handling_s": rules.work.handling_s, "handling_cv": rules.work.handling_cv, "patience_s": _finite(rules.work.patience_s),
        "shrinkage": rules.shrinkage,
        "total": {name: _finite(value) for name, value in made.total().items()},
        "on_duty": shown.on_duty,
        "needed_now": needed_now(shown),
        "variants": [_variant(outcome) for outcome in shown.outcomes],
        "intervals": [_interval(shown, at, when) for at, when in places(made)],
    }  # fmt: skip


def _variant(outcome: "Outcome") -> dict[str, Any]:
    return {
        "name": outcome.variant.name,
        "needed": int(outcome.needed.agents.sum()),
        "total_unchanged": {name: _finite(value) for name, value in outcome.total().items()},
    }


def _interval(shown: Shown, at: tuple[int, int], when: str) -> dict[str, Any]:
    made = shown.staffing
    found: dict[str, Any] = {
        "interval": when, "minutes": made.step_min, "calls": round(float(made.calls[at]), 3), "erlangs": round(float(made.load[at]), 3),
        "agents": int(made.agents[at]), "low": int(made.low[at]), "high": int(made.high[at]), "paid": int(made.paid[at]),
        **_met(made.expected, at), "decided_by": [goal for goal in str(made.decided_by[at]).split("+") if goal],
    }  # fmt: skip
    if shown.there is not None:
        there = _finite(float(shown.there[at]))
        found["there"] = there
        found["gap"] = None if there is None else there - int(made.agents[at])
        if shown.reached is not None and there is not None:
            found["reached"] = _met(shown.reached, at)
    found["variants"] = {
        outcome.variant.name: {
            "agents": int(outcome.needed.agents[at]), "missing": int(outcome.missing[at]), "unchanged": _met(outcome.unchanged, at),
        }
        for outcome in shown.outcomes
    }  # fmt: skip
    return found


def _met(levels: "Levels", at: tuple[int, int]) -> dict[str, float | None]:
    return {
        name: _finite(round(float(getattr(levels, name)[at]), 4))
        for name in ("service_level", "asa_s", "abandoned", "occupancy")
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def as_csv(shown: Shown) -> str:
    """Return a table with a header and a row for each interval, for spreadsheets and `hotline roster`."""
    made = shown.staffing
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    extra = [] if shown.there is None else ["there"]
    names = [name for outcome in shown.outcomes for name in (f"{outcome.variant.name}: agents",)]
    writer.writerow(
        (
            "ts",
            "calls",
            "erlangs",
            "agents",
            "low",
            "high",
            "paid",
            "service_level",
            "asa_s",
            "abandoned",
            "occupancy",
            *extra,
            *names,
        )
    )
    for at, when in places(made):
        met = _met(made.expected, at)
        there = [] if shown.there is None else ["" if math.isnan(shown.there[at]) else f"{shown.there[at]:.0f}"]
        writer.writerow((
            when, f"{made.calls[at]:.2f}", f"{made.load[at]:.2f}", made.agents[at], made.low[at], made.high[at], made.paid[at],
            *("" if value is None else value for value in met.values()), *there,
            *(outcome.needed.agents[at] for outcome in shown.outcomes),
        ))  # fmt: skip
    return text.getvalue()
