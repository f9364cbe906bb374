"""Kinds of people by the queues that they serve: which queues share people, and for which queue somebody counts. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.series.counts import Floats
from hotline.ids import QueueId

Ints = NDArray[np.int64]

ROUNDS = 300
"""After so many rounds of `divided` nobody is further than a fraction of a person from his place."""
_STILL = 1e-4
"""Whoever moves by less than this part of a person has found his place."""
_UNWANTED = 1e-6
"""A queue that needs nobody gets whom nobody else can use."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """People who serve the same queues."""

    queues: tuple[str, ...]
    people: int
    preference: tuple[tuple[str, int], ...] = ()
    """How gladly they are given a queue's callers, see the settings of agents."""


def groups(kinds: Sequence[Kind], order: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the groups of two queues and more that are connected by people who serve several; queues in the given order."""
    leader = {name: name for name in order}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for kind in kinds:
        served = [name for name in kind.queues if name in leader]
        for other in served[1:]:
            leader[find(other)] = find(served[0])
    members: dict[str, list[str]] = {}
    for name in order:
        members.setdefault(find(name), []).append(name)
    return tuple(tuple(group) for group in members.values() if len(group) > 1)


def divided(people: Mapping[tuple[QueueId, ...], Floats], wanted: Mapping[QueueId, Floats]) -> dict[QueueId, Ints]:
    """Return who counts for each queue, each person once: (M,) by queue.

    `people` are numbers (M,) of those who serve the same queues, `wanted` what each queue needs (M,). Everybody counts where he is missed
    most, in relation to what is wanted; with all wants met what is left is spread in the same way. That is the lexicographically best base of a polymatroid
    (Fujishige 1980), so as few as possible are missing in all. It is found as the equilibrium of a market in which each kind of people spends itself on the
    queues with the lowest ratio, by proportional response (Birnbaum, Devanur, Xiao 2011), and rounded to whole people.
    """
    names, kinds = list(wanted), list(people)
    serves = np.array([[name in kind for name in names] for kind in kinds], dtype=float)[:, :, None]
    there = np.array([people[kind] for kind in kinds], dtype=float)
    want = np.maximum(np.array([wanted[name] for name in names], dtype=float), _UNWANTED)
    served = np.flatnonzero(serves.sum(axis=1)[:, 0])
    serves, there = serves[served], there[served]
    spent = there[:, None] * serves / serves.sum(axis=1, keepdims=True)
    for _ in range(ROUNDS):
        ratio = np.maximum(spent.sum(axis=0) / want, 1e-12)
        pull = spent / ratio
        whole = pull.sum(axis=1, keepdims=True)
        before = spent
        spent = there[:, None] * np.divide(pull, whole, out=np.zeros(pull.shape), where=whole > 0)
        if np.abs(spent - before).max(initial=0.0) < _STILL:
            break
    exact = spent.sum(axis=0)
    total = np.round(exact.sum(axis=0)).astype(np.int64)
    counts = portions_of(total, np.round(exact * 1e6).astype(np.int64))
    return dict(zip(names, counts, strict=True))


def portions_of(total: Ints, weights: Ints) -> Ints:
    """Return whole portions (Q, M) of totals (M,) in proportion to weights (Q, M), by the largest remainders; they add up to the totals."""
    whole = weights.sum(axis=0)
    exact = np.divide(weights * total, whole, out=np.zeros(weights.shape), where=whole > 0)
    found = np.floor(exact + 1e-9).astype(np.int64)
    left = np.where(whole > 0, total, 0) - found.sum(axis=0)
    rank = np.argsort(np.argsort(-(exact - found), axis=0, kind="stable"), axis=0, kind="stable")
    return np.asarray(found + (rank < left))
