"""The door of estimates: the metrics are told what callers can expect, and what came of it."""

from acd.core.floor import Floor
from hotline.ids import QueueId
from hotline.tally import Tally

GAUGES = (
    "queue_expected_wait_seconds",
    "wait_promise_kept_ratio",
    "wait_estimate_kept_ratio",
    "wait_estimate_said",
)
"""What only the active router can tell."""


class WaitLevels:
    """Tells the metrics what is estimated and what came of it."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def tell(self, floor: Floor, now: float) -> None:
        """Set the levels of every queue, and count what came of promises since the last time.

        A queue that nobody serves has no expected wait, and one without results no share of kept promises: they tell none.
        """
        for gauge in GAUGES:
            self._tally.forget(gauge)
        for queue_id in floor.queues:
            self._tell_queue(floor, queue_id, now)

    def _tell_queue(self, floor: Floor, queue_id: QueueId, now: float) -> None:
        tally, book = self._tally, floor.estimates.book(queue_id)
        expected = floor.estimates.of(queue_id, floor.line.length(queue_id) + 1, now)
        if expected is not None:
            tally.level("queue_expected_wait_seconds", expected.p50_s, queue=queue_id, quantile="0.5")
            tally.level("queue_expected_wait_seconds", expected.p90_s, queue=queue_id, quantile="0.9")
        gate, said = book.learnt.gate, book.learnt.said
        if gate.score.judged:
            tally.level("wait_estimate_kept_ratio", gate.score.kept, queue=queue_id)
        tally.level("wait_estimate_said", float(gate.is_open), queue=queue_id)
        if said.judged:
            tally.level("wait_promise_kept_ratio", said.kept, queue=queue_id)
        for result, number in book.results.items():
            tally.count("wait_promises", number, queue=queue_id, result=result)
        book.results.clear()
