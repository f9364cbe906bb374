"""Which model is left out when a job of a queue stalled, ate too much or died, so that the others still serve the same night. Pure.

The job tells each model before it tries it (`forecast.models.guard.Trying`), so the one that was told last is to blame. One after the other is left
out, `FALLS` of them at most, for each may have had its whole time; what else goes wrong then, or where nothing was told, leaves the baselines only.
"""

from collections.abc import Mapping
from dataclasses import replace

from forecast.backtest.picks import Pick
from forecast.duties.jobs import HORIZONS, ToChoose, ToLearn
from forecast.models import table
from forecast.processes.pool import JobFailed
from forecast.series.counts import Unit

FALLS = 4

Fallen = Mapping[tuple[Unit, str], JobFailed]
"""The models that were to serve and fell: (unit, name), and why."""


def learnt_without(task: ToLearn, error: JobFailed, fallen: Fallen) -> tuple[ToLearn, Fallen] | None:
    """Return the task without the model over which it failed, and who has fallen; None: nothing is left to leave out."""
    out = {unit: frozenset(names) for unit, names in task.without.items()}
    blamed = _blamed(error) if len(fallen) < FALLS else None
    if blamed is not None:
        unit, name = blamed
        out[unit] = out.get(unit, frozenset()) | {name}
        return replace(task, without=out), {**fallen, blamed: error}
    found = dict(fallen)
    for unit, pick in task.picks.items():
        out[unit] = out.get(unit, frozenset()) | _all_but_baseline(pick)
        if pick.model != table.BASELINES[unit]:
            found.setdefault((unit, pick.model), error)
    if all(names <= frozenset(task.without.get(unit, ())) for unit, names in out.items()):
        return None
    return replace(task, without=out), found


def compared_without(task: ToChoose, error: JobFailed) -> ToChoose | None:
    """Return the task without the model over which it failed; None: that is not known, too many fell, or it is the baseline, which nothing can do without."""
    blamed = _blamed(error)
    if blamed is None or blamed[1] == table.BASELINES[task.unit] or len(task.without) >= FALLS:
        return None
    return replace(task, without=(*task.without, blamed[1]))


def _blamed(error: JobFailed) -> tuple[Unit, str] | None:
    """Return the model that was told last; None: none was, the job was past its models, or it raised: what a model raises the guard has caught."""
    if error.why == "error":
        return None
    return next(((unit, error.at[1]) for unit in HORIZONS if error.at[:1] == (unit,)), None)


def _all_but_baseline(pick: Pick) -> frozenset[str]:
    return frozenset({pick.model, *(name for name, _ in pick.wapes)} - {table.BASELINES[pick.unit]})
