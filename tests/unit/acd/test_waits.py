"""The door of estimates: memory and metrics."""

import msgspec

from acd import waits
from acd.core import memories
from hotline import facts as f
from hotline.ids import CallId, QueueId
from hotline.settings.queues import Queue
from hotline.tally import Tally
from metrics.exporter import undefined
from tests.unit.acd.play import Play

Q = QueueId("q")


def learned() -> Play:
    play = Play("1", wrap_up_s=0)
    play.ready("1")
    for number in range(20):
        call = f"A{number}"
        play.queued(call)
        play.answered(call)
        play.now += 30
        play.told(f.TalkEnded, call)
        play.ended(call)
    return play


def test_what_was_learned_survives_and_what_cannot_be_read_is_named() -> None:
    play = learned()
    learnt = play.taken("estimate")
    assert list(learnt) == ["q"]
    values = {memories.key("estimate", "q"): msgspec.msgpack.encode(learnt["q"])}
    values |= {"acd/estimate/broken": b"\xff", "acd/estimate/other": msgspec.msgpack.encode({"ring_s": 3.0})}
    kept, unread = memories.read(values)
    assert unread == ["acd/estimate/broken"]
    heir = Play("1")
    heir.router.restore(kept, now=play.now)
    mean_s = play.router.floor.estimates.book(Q).learnt.handling.mean_s
    assert heir.router.floor.estimates.book(Q).learnt.handling.mean_s == mean_s < 100


def test_levels_and_results_are_told() -> None:
    tally, play = Tally(), Play("1", queues=(Queue(id="q"), Queue(id="r")))
    levels = waits.WaitLevels(tally)
    play.ready("1")
    play.queued("A")
    play.give(f.WaitPromised(at=play.now, call_id=CallId("A"), queue_id=Q, low_s=0, high_s=60))
    play.answered("A")
    for _ in range(2):
        levels.tell(play.router.floor, play.now)
    assert tally.counts["wait_promises", (("queue", "q"), ("result", "kept"))] == 1
    assert tally.levels["wait_promise_kept_ratio", (("queue", "q"),)] == 1.0
    assert tally.levels["wait_estimate_said", (("queue", "r"),)] == 0.0
    p50, p90 = (tally.levels["queue_expected_wait_seconds", (("quantile", x), ("queue", "q"))] for x in ("0.5", "0.9"))
    assert 0 < p50 < p90
    play.told(f.TalkEnded, "A")
    play.ask("1", "log_out")
    levels.tell(play.router.floor, play.now)
    assert not [key for key in tally.levels if key[0] == "queue_expected_wait_seconds"], "nobody serves the queues"
    assert undefined(tally) == []
