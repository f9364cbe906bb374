"""Days that are not ordinary: what they were in relation to an ordinary day, kept for the next one of their kind. Pure.

Model: on a marked day the expected calls are those of the ordinary day times exp(r). r differs between kinds (holiday, eve …), between the names within
a kind, and from one time to the next. With a handful of past days nothing but shrinkage helps: the mean of a name is drawn towards that of its kind,
the mean of the kind towards "as any other day" (empirical Bayes with fixed weights; Gelman & Hill 2007, chapter 12). How the calls
spread over the day is learnt by kind only: the eve of a feast is a short morning, whatever its name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecast.models.slots.marks import Mark
from forecast.series.counts import Floats

PRIOR_DAYS: Mapping[str, float] = {
    "event": 0.5,
    "holiday": 0.25,
    "eve": 0.5,
    "between": 2.0,
    "spring": 2.0,
    "minor": 4.0,
}
"""So many ordinary days stand against what was seen of a kind: the more, the less such days usually differ."""
OWN_DAYS = 1.0
"""So many days does the mean of the kind count for each name."""
PROFILE_DAYS = 0.5
"""So many days with the ordinary profile stand against the profile that was seen."""
PRIOR_DEVIATION = 0.3
"""Of r from one time to the next while nothing is known."""
_LOWEST, _HIGHEST = -6.0, 3.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Kind:
    """What was seen of one kind of days."""

    mean: float
    """r of a name never seen."""
    deviation: float
    """Of r around what is expected of it."""
    names: Mapping[str, float]
    """Name -> expected r."""
    profile: Floats
    """(S,): the ratio of each slot, in relation to that of the whole day."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Special:
    """What was seen of all kinds; a kind never seen is an ordinary day with more doubt."""

    kinds: Mapping[str, Kind]

    def factors(self, mark: Mark, ordinary: Floats) -> tuple[Floats, float]:
        """Return by what each slot of an ordinary day (S,) is multiplied, and the standard deviation of the logarithm of it."""
        kind = self.kinds.get(mark.kind)
        if kind is None:
            return np.ones_like(ordinary), PRIOR_DEVIATION
        ratio = np.exp(kind.names.get(mark.name, kind.mean))
        total = ordinary.sum()
        level = (ordinary * kind.profile).sum() / total if total > 0 else 1.0
        return ratio * kind.profile / max(level, 1e-9), kind.deviation


def learn(values: Floats, ordinary: Floats, marks: Sequence[Mark | None]) -> Special:
    """Return what the marked days (values (P, S), NaN is not known) were in relation to the ordinary day expected of them (P, S)."""
    kinds: dict[str, Kind] = {}
    for name in sorted({mark.kind for mark in marks if mark is not None}):
        rows = [at for at, mark in enumerate(marks) if mark is not None and mark.kind == name]
        rows = [at for at in rows if np.isfinite(values[at]).any()]
        if rows:
            kinds[name] = _kind(values[rows], ordinary[rows], [marks[at].name for at in rows], PRIOR_DAYS[name])  # type: ignore[union-attr]
    return Special(kinds=kinds)


def _kind(values: Floats, ordinary: Floats, names: Sequence[str], prior: float) -> Kind:
    seen = np.where(np.isfinite(values), values, 0.0)
    expected = np.where(np.isfinite(values), ordinary, 0.0)
    logs = np.clip(np.log((seen.sum(axis=1) + 1.0) / (expected.sum(axis=1) + 1.0)), _LOWEST, _HIGHEST)
    mean = float(logs.sum() / (len(logs) + prior))
    by_name = {}
    for name in set(names):
        own = logs[[one == name for one in names]]
        by_name[name] = float((own.sum() + OWN_DAYS * mean) / (len(own) + OWN_DAYS))
    off = logs - mean
    deviation = float(np.sqrt(((off**2).sum() + PRIOR_DEVIATION**2) / (len(logs) + 1.0)))
    return Kind(mean=mean, deviation=deviation, names=by_name, profile=_profile(seen, expected))


def _profile(seen: Floats, expected: Floats) -> Floats:
    total = expected.sum()
    if total <= 0:
        return np.ones(seen.shape[1])
    ratio = seen.sum() / total
    usual = expected.mean(axis=0) * PROFILE_DAYS
    profile: Floats = (seen.sum(axis=0) + usual * ratio) / np.maximum(expected.sum(axis=0) + usual, 1e-9)
    return profile / ratio if ratio > 0 else np.ones(seen.shape[1])
