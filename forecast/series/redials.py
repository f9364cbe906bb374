"""Who called again because he had given up: such a call is no new demand. Pure.

A caller who hangs up in the line often dials again within minutes, so that with long waits the offered calls are more than the people who
want something; a forecast of offered calls then forecasts the waits of the past. Ding, Koole and van der Mei (On the estimation of the
true demand in call centers with redials and reconnects, European Journal of Operational Research 246, 2015) tell fresh calls, redials
(after an abandon) and reconnects (after a conversation) apart; here, as there, by the number. Whoever withholds his number counts as
fresh, so the fresh calls are an upper bound.
"""

from collections import OrderedDict
from collections.abc import Iterable

import numpy as np

from forecast.series.calls import Calls, Flags

WINDOW_S = 1_800.0
"""Who calls again within this time after he gave up calls for the same reason."""
MAX_NUMBERS = 50_000


class DialledAgain:
    """Remembers who gave up where, one call after another."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._gave_up: OrderedDict[tuple[str, str], float] = OrderedDict()

    def gave_up(self, queue_id: str, number: str, at: float) -> None:
        """Remember that a caller hung up in the line."""
        if not number:
            return
        self._gave_up[queue_id, number] = max(at, self._gave_up.pop((queue_id, number), at))
        while len(self._gave_up) > MAX_NUMBERS:
            self._gave_up.popitem(last=False)

    def is_again(self, queue_id: str, number: str, at: float) -> bool:
        """Return whether the caller who enters the line now gave up in it not long ago. Each giving up explains one call."""
        gave_up_at = self._gave_up.get((queue_id, number)) if number else None
        if gave_up_at is None or not 0 <= at - gave_up_at <= self._window_s:
            return False
        del self._gave_up[queue_id, number]
        return True

    def forget(self, before: float) -> None:
        """Drop who gave up before a moment."""
        for key in [key for key, at in self._gave_up.items() if at < before]:
            del self._gave_up[key]


def redials(calls: Calls, *, window_s: float = WINDOW_S, queues: Iterable[str] = ()) -> Flags:
    """Return which of the calls are redials; none, if the numbers are not known. `queues`: the queue of each call, if several."""
    found = np.zeros(len(calls.entered), dtype=np.bool_)
    if not calls.callers:
        return found
    names = tuple(queues) or ("",) * len(calls.callers)
    entered = calls.entered.astype(np.int64).astype(np.float64)
    left = entered + np.nan_to_num(calls.wait_s)
    last: dict[tuple[str, str], tuple[float, bool]] = {}
    for n, key in enumerate(zip(names, calls.callers, strict=True)):
        before = last.get(key)
        if key[1] and before is not None and before[1]:
            found[n] = 0 <= entered[n] - before[0] <= window_s
        last[key] = (float(left[n]), bool(calls.abandoned[n]))
    return found
