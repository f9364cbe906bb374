"""What a router that has just begun hears at once, what later, and in which order."""

from acd.office.early import GATHER_S, LIMIT, WINDOW_S, Early
from hotline.facts import CallArrived, CallEnded, CallQueued, NodeSurveyed, Record, SnapshotTaken
from hotline.ids import CallId, LegId, NodeId, QueueId

NOW = 1_000.0
ONE, TWO = NodeId("node1"), NodeId("node2")


def queued(call: str) -> CallQueued:
    return CallQueued(at=NOW, call_id=CallId(call), queue_id=QueueId("q"), entered_at=NOW)


def ended(call: str) -> CallEnded:
    return CallEnded(at=NOW, call_id=CallId(call))


def survey(node: NodeId) -> NodeSurveyed:
    return NodeSurveyed(at=NOW, node=node, epoch=1, calls=(), seats=())


class Window:
    """A window, and a router that knows the calls in `known`."""

    def __init__(self, *nodes: NodeId) -> None:
        self.known: set[str] = set()
        self.early = Early(frozenset(nodes), lambda call: call in self.known, now=NOW)

    def hear(self, *records: Record, after: float = 0.0) -> list[list[Record]]:
        """Hear records; return what the router is given, each list together."""
        now, given = NOW + after, []
        for record in records:
            if not self.early.keeps(record, now):
                given.append([record])
            while ripe := self.early.ripe(now):
                given += [batch for batch in ripe if len(batch) > 1 or not self.early.keeps(batch[0], now)]
        while ripe := self.early.ripe(now):
            given += ripe
        return given


def test_without_nodes_to_wait_for_only_calls_of_unknown_nodes_wait() -> None:
    window = Window()
    window.known.add("A")
    assert window.hear(queued("A"), queued("B"), survey(ONE)) == [[queued("A")], [survey(ONE)]]
    window.known.add("B")
    assert window.hear() == [[queued("B")]]


def test_news_that_name_the_node_do_not_wait() -> None:
    arrived = CallArrived(at=NOW, call_id=CallId("A"), node=ONE, leg=LegId("l"), number="4")
    snapshot = SnapshotTaken(at=NOW, node=ONE, living=())
    assert Window().hear(arrived, snapshot) == [[arrived], [snapshot]]


def test_until_all_nodes_are_surveyed_everything_waits_and_then_all_surveys_are_handled_together() -> None:
    window = Window(ONE, TWO)
    window.known |= {"A", "B"}
    assert window.hear(queued("A"), survey(ONE), ended("B"), after=0.1) == []
    assert window.hear(survey(TWO), after=0.2) == [[queued("A")], [survey(ONE), survey(TWO)], [ended("B")]]
    assert window.hear(ended("A")) == [[ended("A")]]


def test_a_node_that_does_not_answer_is_not_waited_for_long() -> None:
    window = Window(ONE, TWO)
    assert window.hear(survey(ONE), after=GATHER_S - 0.01) == []
    assert window.early.due == NOW + GATHER_S
    assert window.hear(after=GATHER_S) == [[survey(ONE)]]


def test_news_of_one_call_keep_their_order_around_the_survey_that_names_its_node() -> None:
    early = (window := Window(ONE)).early
    for record in (queued("A"), survey(ONE), ended("A")):
        assert early.keeps(record, NOW)
    assert early.ripe(NOW) == [[queued("A")], [survey(ONE)]]
    assert early.keeps(queued("A"), NOW)  # still unknown; the survey, handled next, tells of it
    assert not early.keeps(survey(ONE), NOW)
    window.known.add("A")
    assert early.ripe(NOW) == [[queued("A")], [ended("A")]]


def test_after_the_window_everything_is_taken_as_it_comes() -> None:
    window = Window()
    window.hear(queued("A"))
    assert window.early.due == NOW + WINDOW_S
    assert window.hear(queued("B"), after=WINDOW_S) == [[queued("B")], [queued("A")]]
    assert window.early.is_over(NOW + WINDOW_S)


def test_when_too_much_waits_nothing_is_waited_for() -> None:
    window = Window(ONE)
    news: list[Record] = [queued(f"c{n}") for n in range(LIMIT + 1)]
    assert all(window.early.keeps(record, NOW) for record in news)
    assert [record for (record,) in window.early.ripe(NOW)] == news


def test_when_too_many_calls_are_unknown_the_others_are_taken_as_they_come() -> None:
    window = Window()
    assert all(window.early.keeps(queued(f"c{n}"), NOW) for n in range(LIMIT))
    assert not window.early.keeps(queued("last"), NOW)
