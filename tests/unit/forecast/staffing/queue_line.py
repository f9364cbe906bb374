"""A waiting line played caller by caller: what the formulas have to agree with."""

import heapq
from collections.abc import Callable
from random import Random


def played(
    *,
    rates: list[float],
    step_s: float,
    agents: int,
    service: Callable[[Random], float],
    patience_s: float,
    threshold_s: float,
    seed: int,
    begin: int = 0,
) -> dict[str, float]:
    """Return shares and mean waits of those who come from interval number `begin` on; `rates` are callers per second in each interval.

    First come, first served by `agents` who are all alike: a caller's wait is the time until the first of them is free, or his patience.
    """
    luck = Random(seed)
    free = [0.0] * agents
    now, end, most = 0.0, step_s * len(rates), max(rates)
    came, answered, in_time, gone, waited, waited_all = 0, 0, 0, 0, 0.0, 0.0
    while (now := now + luck.expovariate(most)) < end:
        if luck.random() * most >= rates[int(now // step_s)]:
            continue
        counts = now >= begin * step_s
        wait, patience = (
            max(free[0] - now, 0.0),
            luck.expovariate(1 / patience_s) if patience_s < float("inf") else patience_s,
        )
        lasts = service(luck)
        came += counts
        waited_all += counts * min(wait, patience)
        if wait > patience:
            gone += counts
            continue
        heapq.heapreplace(free, now + wait + lasts)
        answered += counts
        waited += counts * wait
        in_time += counts * (wait <= threshold_s)
    return {
        "came": came, "answered_within": in_time / came, "abandoned": gone / came, "asa_s": waited / answered, "wait_s": waited_all / came,
    }  # fmt: skip
