"""What facts mean for the numbers: stories in, counts out."""

from collections.abc import Iterable
from typing import Any

import pytest

from hotline.facts import (
    AgentAdded,
    AgentStateChanged,
    CallAbandoned,
    CallAdopted,
    CallArrived,
    CallEnded,
    CallerUnknown,
    CallFellBack,
    CallFlowedOut,
    CallQueued,
    Fact,
    LinkChanged,
    OfferAccepted,
    OfferBusy,
    OfferFailed,
    OfferMade,
    OfferRang,
    OfferRejected,
    OfferRescinded,
    OfferTimedOut,
    OfferUnknown,
    Place,
    RecordingMarked,
    RecordingStored,
    TalkEnded,
    TransferCompleted,
    TransferFailed,
)
from hotline.ids import AgentId, CallId, Extension, LegId, NodeId, OfferId, QueueId, RecordingId
from hotline.settings import Settings
from hotline.settings.queues import Queue
from metrics import agents as agents_module
from metrics import calls as calls_module
from metrics.board import Board
from metrics.fold import OUTCOME_GRACE_S, Fold
from tests.support.stories import AGENT, QUEUE, agent_day, story

NOW = 1_773_115_200.0
CALL, OFFER = CallId("c1"), OfferId("o1")
SETTINGS = Settings(queues=(Queue(id="service"), Queue(id="sales", threshold_s=20)))


class Numbers:
    """A fold with its board, asked by name."""

    def __init__(self) -> None:
        self.fold, self.board = Fold(SETTINGS), Board(SETTINGS)
        self.now = NOW

    def tell(self, *facts: Fact) -> "Numbers":
        for fact in facts:
            for seen in self.fold.handle(fact, max(self.now, fact.at)):
                self.board.apply(seen)
        return self

    def check(self, now: float) -> list[str]:
        return [o.labels["queue"] for o in self.fold.check(now)]

    def count(self, name: str, **labels: str) -> float:
        return self.board.count_of(name, **labels)

    def level(self, name: str, **labels: str) -> float | None:
        found = [o.value for o in self.fold.levels(self.now) if o.metric == name and dict(o.labels) == labels]
        assert len(found) <= 1
        return found[0] if found else None

    def books(self, queue: str = "service") -> dict[str, float]:
        """Offered, answered, abandoned, flowed out, waiting."""
        return {
            "offered": self.count("calls_offered", queue=queue),
            "answered": self.count("calls_answered", queue=queue),
            "abandoned": sum(self.count("calls_abandoned", queue=queue, short=s) for s in ("true", "false")),
            "flowed_out": sum(v for k, v in self.board.counts(_metric("calls_flowed_out")).items() if k[0] == queue),
            "waiting": self.level("queue_waiting", queue=queue) or 0,
        }


def _metric(name: str) -> Any:
    from metrics.definitions import by_name

    return by_name()[name]


def queued(at: float = NOW - 10, call: CallId = CALL, queue: QueueId = QUEUE) -> CallQueued:
    return CallQueued(at=at, call_id=call, queue_id=queue, entered_at=at)


def made(at: float, entered_at: float = NOW - 10, call: CallId = CALL, offer: OfferId = OFFER) -> OfferMade:
    return OfferMade(
        at=at, call_id=call, offer_id=offer, agent_id=AGENT, extension=Extension("1001"), queue_id=QUEUE,
        ring_timeout_s=15, entered_at=entered_at,
    )  # fmt: skip


def arrived(at: float = NOW - 20, call: CallId = CALL) -> CallArrived:
    return CallArrived(at=at, call_id=call, node=NodeId("node1"), leg=LegId("PJSIP/x-1"), number="4000")


def place(entered_at: float = NOW - 100, queue: QueueId | None = QUEUE) -> Place:
    return Place(flow="main", flow_version="1", step="queue", queue_id=queue, entered_at=entered_at)


def adopted(phase: Any, *, at: float = NOW, offer: OfferId | None = None, where: Place | None = None) -> CallAdopted:
    return CallAdopted(
        at=at, call_id=CALL, node=NodeId("node1"), leg=LegId("PJSIP/x-1"), phase=phase, offer_id=offer, place=where
    )


# --- one call --------------------------------------------------------------------------------------------------------


def test_an_answered_call_moves_every_number_once() -> None:
    n = Numbers().tell(*story(1, end=NOW, talk_s=20))
    assert n.books() == {"offered": 1, "answered": 1, "abandoned": 0, "flowed_out": 0, "waiting": 0}
    assert n.count("calls_answered_in_threshold", queue="service") == 1
    assert n.count("offers", queue="service", result="answered") == 1
    assert n.count("recordings", result="stored") == 1
    assert n.count("calls_arrived", origin="trunk") == n.count("calls_ended", ended_by="caller") == 1
    sums = {
        m: dict(n.board.histograms(_metric(m)))[("service",)].total
        for m in ("answer_wait_seconds", "ring_seconds", "talk_seconds")
    }
    assert sums == pytest.approx({"answer_wait_seconds": 4.0, "ring_seconds": 2.5, "talk_seconds": 20.0})
    assert dict(n.board.histograms(_metric("screen_pop_seconds")))[()].total == pytest.approx(0.2)


def test_a_late_answer_is_answered_but_not_in_the_threshold() -> None:
    n = Numbers().tell(*story(1, end=NOW, ending="answered_late"))
    assert n.count("calls_answered", queue="service") == 1
    assert n.count("calls_answered_in_threshold", queue="service") == 0
    assert n.count("offers", queue="service", result="no_answer") == 1


@pytest.mark.parametrize(("wait", "counted"), [(30.0, 1), (30.001, 0)])
def test_an_answer_exactly_at_the_threshold_is_in_time(wait: float, counted: int) -> None:
    n = Numbers().tell(
        queued(NOW - wait), made(NOW - 1, NOW - wait), OfferAccepted(at=NOW, call_id=CALL, offer_id=OFFER)
    )
    assert n.count("calls_answered_in_threshold", queue="service") == counted


def test_each_queue_has_its_own_threshold() -> None:
    entered = NOW - 25
    made_ = OfferMade(
        at=NOW - 3, call_id=CALL, offer_id=OFFER, agent_id=AGENT, extension=Extension("1"), queue_id=QueueId("sales"),
        ring_timeout_s=15, entered_at=entered,
    )  # fmt: skip
    n = Numbers().tell(
        queued(entered, queue=QueueId("sales")), made_, OfferAccepted(at=NOW, call_id=CALL, offer_id=OFFER)
    )
    assert n.count("calls_answered", queue="sales") == 1
    assert n.count("calls_answered_in_threshold", queue="sales") == 0


def test_giving_up_is_told_apart_by_shortness() -> None:
    n = Numbers().tell(*story(1, end=NOW, ending="abandoned"), *story(2, end=NOW, ending="abandoned_short"))
    assert n.count("calls_abandoned", queue="service", short="false") == 1
    assert n.count("calls_abandoned", queue="service", short="true") == 1
    assert dict(n.board.histograms(_metric("abandon_wait_seconds")))[("service",)].total == pytest.approx(27.0)


def test_a_call_that_never_queued_is_not_offered() -> None:
    n = Numbers().tell(*story(1, end=NOW, ending="left_menu"))
    assert n.books()["offered"] == 0
    assert n.count("ivr_steps", flow="main", version="1", step="welcome", result="played") == 1


@pytest.mark.parametrize(
    ("ending", "result"),
    [
        (OfferTimedOut, "no_answer"),
        (OfferRejected, "rejected"),
        (OfferBusy, "busy"),
        (OfferUnknown, "unknown"),
        (lambda **k: OfferFailed(reason="gone", **k), "failed"),
        (lambda **k: OfferRescinded(reason="caller_left", **k), "rescinded"),
    ],
)
def test_every_other_end_of_an_offer_has_its_result_and_keeps_the_place(ending: Any, result: str) -> None:
    n = Numbers().tell(queued(), made(NOW - 5), ending(at=NOW, call_id=CALL, offer_id=OFFER))
    assert n.count("offers", queue="service", result=result) == 1
    assert n.books()["waiting"] == 1
    assert n.count("calls_offered", queue="service") == 1


def test_an_answer_that_is_told_after_its_offer_was_given_up_as_unknown_counts() -> None:
    late = OfferAccepted(at=NOW - 2, call_id=CALL, offer_id=OFFER)
    n = Numbers().tell(queued(), made(NOW - 5), OfferUnknown(at=NOW, call_id=CALL, offer_id=OFFER), late)
    n.tell(TalkEnded(at=NOW + 9, call_id=CALL, offer_id=OFFER, ended_by="agent"))
    n.tell(CallEnded(at=NOW + 9, call_id=CALL, cause=16, ended_by="agent"))
    assert (n.books()["answered"], n.books()["waiting"]) == (1, 0)
    assert n.count("calls_answered", queue="service") == 1
    assert n.count("offers", queue="service", result="unknown") == 1
    assert n.count("offers", queue="service", result="answered") == 0
    assert not n.fold.check(NOW + 100)


def test_ring_time_counts_from_the_ringing_phone_and_a_phone_that_never_rang_has_none() -> None:
    rang = OfferRang(at=NOW - 4, call_id=CALL, offer_id=OFFER)
    n = Numbers().tell(queued(), made(NOW - 5), rang, OfferRejected(at=NOW, call_id=CALL, offer_id=OFFER))
    n.tell(made(NOW, offer=OfferId("o2")), OfferBusy(at=NOW, call_id=CALL, offer_id=OfferId("o2")))
    [(_, ring)] = [x for x in n.board.histograms(_metric("ring_seconds")) if x[0] == ("service",)]
    assert ring.cumulative()[-1] == ("+Inf", 1.0)
    assert ring.total == pytest.approx(4.0)


def test_a_marked_recording_counts_under_its_problem() -> None:
    problem = RecordingMarked(at=NOW, call_id=CALL, offer_id=OFFER, recording_id=RecordingId("o1"), problem="empty")
    assert Numbers().tell(problem, problem).count("recordings", result="empty") == 1


# --- levels ----------------------------------------------------------------------------------------------------------


def test_levels_follow_the_call_from_menu_to_talk() -> None:
    n = Numbers().tell(arrived())
    assert (n.level("ivr_active"), n.level("calls_active", state="session")) == (1, 1)
    n.tell(queued(NOW - 10))
    assert (n.level("ivr_active"), n.level("queue_waiting", queue="service")) == (0, 1)
    assert n.level("queue_longest_wait_seconds", queue="service") == 10
    n.tell(made(NOW))
    assert (n.level("calls_active", state="ringing"), n.level("queue_waiting", queue="service")) == (1, 1)
    n.tell(OfferAccepted(at=NOW, call_id=CALL, offer_id=OFFER))
    assert (n.level("calls_active", state="talking"), n.level("queue_waiting", queue="service")) == (1, 0)
    assert n.level("queue_longest_wait_seconds", queue="service") == 0
    n.tell(TalkEnded(at=NOW, call_id=CALL, offer_id=OFFER), CallEnded(at=NOW, call_id=CALL))
    assert sum(n.level("calls_active", state=s) or 0 for s in ("session", "ringing", "talking", "fallback")) == 0


def test_the_longest_wait_is_that_of_the_first_in_line() -> None:
    n = Numbers().tell(queued(NOW - 5, CallId("a")), queued(NOW - 50, CallId("b")), queued(NOW - 7, CallId("c")))
    assert n.level("queue_longest_wait_seconds", queue="service") == 50


def test_connect_rate_of_the_window_by_every_formula() -> None:
    n = Numbers()
    for i, ending in enumerate(["answered"] * 6 + ["answered_late"] * 2 + ["abandoned", "abandoned_short"]):
        n.tell(*story(i, end=NOW, ending=ending))  # type: ignore[arg-type]
    rates = {f: n.level("connect_rate", queue="service", formula=f, window="5m") for f in "ABCDEFG"}
    assert rates == {"A": 6 / 8, "B": 6 / 10, "C": 6 / 8, "D": 8 / 10, "E": 7 / 10, "F": 6 / 9, "G": 6 / 10}
    assert n.level("connect_rate", queue="service", formula="B", window="today") == 6 / 10
    n.now = NOW + 600
    assert n.level("connect_rate", queue="service", formula="B", window="5m") is None
    assert n.level("connect_rate", queue="service", formula="B", window="30m") == 6 / 10


def test_the_link_of_each_node_has_a_level() -> None:
    n = Numbers().tell(
        LinkChanged(at=NOW, node=NodeId("node1"), up=True), LinkChanged(at=NOW, node=NodeId("node2"), up=False)
    )
    assert (n.level("ami_up", node="node1"), n.level("ami_up", node="node2")) == (1, 0)


# --- agents ----------------------------------------------------------------------------------------------------------


def state(at: float, now_state: Any, before: Any, queues: tuple[str, ...] = ("service",)) -> AgentStateChanged:
    names = tuple(QueueId(q) for q in queues)
    return AgentStateChanged(at=at, agent_id=AGENT, state=now_state, previous=before, queues=names)


def test_agents_count_in_each_of_their_queues_and_empty_means_all() -> None:
    n = Numbers().tell(state(NOW, "ready", "offline", ()))
    assert n.level("agents", queue="service", state="ready") == n.level("agents", queue="sales", state="ready") == 1
    n.tell(state(NOW + 1, "break", "ready", ("sales",)))
    assert (n.level("agents", queue="service", state="break"), n.level("agents", queue="sales", state="break")) == (
        0,
        1,
    )


def test_a_new_agent_is_offline() -> None:
    n = Numbers().tell(AgentAdded(at=NOW, agent_id=AGENT, name="A", extension=Extension("1001")))
    assert n.level("agents", queue="service", state="offline") == 1


def test_wrap_up_is_measured_for_the_queue_of_the_last_conversation() -> None:
    n = Numbers().tell(*agent_day(AGENT, NOW)[:1], *story(1, end=NOW - 10)).tell(*agent_day(AGENT, NOW)[1:])
    [(_, wrap_up)] = [x for x in n.board.histograms(_metric("wrapup_seconds")) if x[0] == ("service",)]
    assert wrap_up.total == pytest.approx(10.0)
    assert wrap_up.cumulative()[-1] == ("+Inf", 1.0)


def test_a_repeated_or_older_agent_state_changes_nothing() -> None:
    day = agent_day(AGENT, NOW)
    n = Numbers().tell(*day, *day, day[1], day[2])
    assert n.level("agents", queue="service", state="ready") == 1
    assert n.count("wrapup_seconds", queue="service") == 1


def test_occupancy_is_busy_over_busy_and_ready_and_breaks_do_not_count() -> None:
    n = Numbers()
    for at, now_state, before in [
        (0, "ready", "offline"),
        (300, "talking", "ready"),
        (600, "wrap_up", "talking"),
        (900, "break", "wrap_up"),
    ]:
        n.now = NOW + at
        n.tell(state(NOW + at, now_state, before))
    n.now = NOW + 1500
    assert n.level("occupancy_ratio", queue="service") == pytest.approx(600 / 900)
    assert n.level("occupancy_ratio", queue="sales") is None
    n.now = NOW + 9000
    assert n.level("occupancy_ratio", queue="service") is None


def test_more_agents_than_the_limit_are_counted_as_a_limit_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents_module, "AGENT_LIMIT", 3)
    n = Numbers().tell(
        *(AgentStateChanged(at=NOW, agent_id=AgentId(f"a{i}"), state="ready", previous="offline") for i in range(5))
    )
    assert n.level("agents", queue="service", state="ready") == 3
    assert n.count("limits_reached", limit="metrics_agents") == 2


# --- repetition, lateness, gaps --------------------------------------------------------------------------------------


def test_a_whole_story_told_twice_counts_once() -> None:
    once, twice = Numbers(), Numbers()
    facts = [*story(1, end=NOW, ending="answered_late"), *story(2, end=NOW, ending="abandoned")]
    once.tell(*facts)
    twice.tell(*facts, *facts)
    names = (
        "calls_offered",
        "calls_answered",
        "calls_abandoned",
        "offers",
        "talk_seconds",
        "ivr_steps",
        "recordings",
        "calls_arrived",
    )
    for name in names:
        if name == "talk_seconds":
            assert once.count(name, queue="service") == twice.count(name, queue="service") == 1
        else:
            assert once.board.counts(_metric(name)) == twice.board.counts(_metric(name)), name
    assert twice.books() == once.books()


def test_the_same_entry_told_with_a_rounded_time_is_the_same_entry() -> None:
    n = Numbers().tell(queued(NOW - 10.123456))
    n.tell(CallQueued(at=NOW, call_id=CALL, queue_id=QUEUE, entered_at=round(NOW - 10.123456, 1)))
    assert n.books()["offered"] == 1


def test_an_answer_for_an_offer_that_is_over_changes_nothing_and_is_counted() -> None:
    n = Numbers().tell(queued(), made(NOW - 5), OfferTimedOut(at=NOW - 1, call_id=CALL, offer_id=OFFER))
    n.tell(OfferAccepted(at=NOW, call_id=CALL, offer_id=OFFER))
    assert n.books() == {"offered": 1, "answered": 0, "abandoned": 0, "flowed_out": 0, "waiting": 1}
    assert n.count("facts_unmatched", fact="OfferAccepted") == 1


def test_an_old_offers_end_does_not_stop_the_ringing_of_the_next() -> None:
    n = Numbers().tell(queued(), made(NOW - 5), made(NOW - 1, offer=OfferId("o2")))
    n.tell(OfferTimedOut(at=NOW, call_id=CALL, offer_id=OFFER))
    assert n.level("calls_active", state="ringing") == 1


def test_a_second_entry_of_the_same_call_is_offered_again() -> None:
    n = Numbers().tell(
        queued(NOW - 60), CallFlowedOut(at=NOW - 50, call_id=CALL, queue_id=QUEUE, entered_at=NOW - 60, reason="full")
    )
    n.tell(queued(NOW - 5))
    assert n.books() == {"offered": 2, "answered": 0, "abandoned": 0, "flowed_out": 1, "waiting": 1}


def test_moving_to_another_queue_flows_out_of_the_first_even_if_nobody_says_so() -> None:
    n = Numbers().tell(queued(NOW - 60), queued(NOW - 5, queue=QueueId("sales")))
    n.tell(CallFlowedOut(at=NOW, call_id=CALL, queue_id=QUEUE, entered_at=NOW - 60, reason="moved"))
    assert n.books() == {"offered": 1, "answered": 0, "abandoned": 0, "flowed_out": 1, "waiting": 0}
    assert n.books("sales")["waiting"] == 1


def test_an_entry_first_heard_of_at_its_end_is_offered_then() -> None:
    n = Numbers().tell(CallAbandoned(at=NOW, call_id=CALL, queue_id=QUEUE, entered_at=NOW - 9))
    assert n.books() == {"offered": 1, "answered": 0, "abandoned": 1, "flowed_out": 0, "waiting": 0}
    assert n.level("ivr_active") == 0


def test_facts_of_a_call_that_is_over_do_not_bring_it_back() -> None:
    n = Numbers().tell(*story(1, end=NOW))
    n.now = NOW + 3600
    n.tell(*story(2, end=NOW + 3600, ending="left_menu"))
    assert CallId("call-1") not in n.fold._book.ended
    n.tell(
        RecordingStored(
            at=NOW + 3600,
            call_id=CallId("call-1"),
            offer_id=OFFER,
            recording_id=RecordingId("r"),
            file="f",
            sha256="",
            size_bytes=1,
            duration_s=1,
        )
    )
    assert n.count("recordings", result="stored") == 2
    assert n.level("ivr_active") == 0


def test_a_caller_who_moves_at_once_counts_in_both_queues_and_waits_in_the_second() -> None:
    n = Numbers().tell(queued(NOW - 5), queued(NOW - 5, queue=QueueId("sales")))
    assert (n.books()["flowed_out"], n.books()["waiting"], n.books("sales")["waiting"]) == (1, 0, 1)


def test_a_caller_first_heard_of_through_a_side_fact_still_counts_as_waiting() -> None:
    n = Numbers().tell(CallerUnknown(at=NOW, call_id=CALL), queued(NOW - 1))
    assert n.books() == {"offered": 1, "answered": 0, "abandoned": 0, "flowed_out": 0, "waiting": 1}


# --- adoption ----------------------------------------------------------------------------------------------------------


def test_a_new_process_counts_an_adopted_waiting_caller_as_offered_once() -> None:
    n = Numbers().tell(
        adopted("session", where=place()), CallQueued(at=NOW, call_id=CALL, queue_id=QUEUE, entered_at=NOW - 100)
    )
    assert n.books() == {"offered": 1, "answered": 0, "abandoned": 0, "flowed_out": 0, "waiting": 1}
    assert n.level("queue_longest_wait_seconds", queue="service") == 100


def test_an_adopted_caller_whose_time_of_entry_is_unknown_waits_since_his_arrival() -> None:
    fact = CallAdopted(
        at=NOW, call_id=CALL, node=NodeId("n"), leg=LegId("l"), phase="session", arrived_at=NOW - 70, place=place(0.0)
    )
    n = Numbers().tell(fact, made(NOW, NOW - 70))
    assert n.books() == {"offered": 1, "answered": 0, "abandoned": 0, "flowed_out": 0, "waiting": 1}
    assert n.level("queue_longest_wait_seconds", queue="service") == 70


def test_a_ringing_adopted_caller_can_be_answered() -> None:
    n = Numbers().tell(
        adopted("ringing", offer=OFFER, where=place(NOW - 20)), OfferAccepted(at=NOW, call_id=CALL, offer_id=OFFER)
    )
    assert n.books() == {"offered": 1, "answered": 1, "abandoned": 0, "flowed_out": 0, "waiting": 0}
    assert n.count("calls_answered_in_threshold", queue="service") == 1


def test_a_conversation_of_before_our_time_is_active_but_not_counted() -> None:
    n = Numbers().tell(adopted("talking", offer=OFFER, where=place()))
    assert n.level("calls_active", state="talking") == 1
    n.tell(TalkEnded(at=NOW, call_id=CALL, offer_id=OFFER), CallEnded(at=NOW, call_id=CALL))
    assert n.books() == {"offered": 0, "answered": 0, "abandoned": 0, "flowed_out": 0, "waiting": 0}
    assert n.count("talk_seconds", queue="service") == 0
    assert n.count("facts_unmatched", fact="TalkEnded") == 0


def test_within_one_process_adoption_after_a_gap_counts_nothing_twice() -> None:
    n = Numbers().tell(
        arrived(),
        queued(NOW - 100),
        adopted("session", where=place(NOW - 100)),
        adopted("session", at=NOW + 1, where=place(NOW - 100)),
    )
    assert n.books() == {"offered": 1, "answered": 0, "abandoned": 0, "flowed_out": 0, "waiting": 1}
    assert n.count("calls_adopted", phase="session") == 2


def test_an_answer_missed_in_a_gap_is_concluded_from_the_adoption() -> None:
    n = Numbers().tell(
        queued(NOW - 20), made(NOW - 5, NOW - 20), adopted("talking", offer=OFFER, where=place(NOW - 20))
    )
    n.tell(OfferAccepted(at=NOW - 2, call_id=CALL, offer_id=OFFER))
    assert n.books() == {"offered": 1, "answered": 1, "abandoned": 0, "flowed_out": 0, "waiting": 0}


def test_a_caller_who_fell_back_flowed_out_once() -> None:
    n = Numbers().tell(
        queued(NOW - 20), CallFellBack(at=NOW, call_id=CALL, reason="lease_expired"), adopted("fallback")
    )
    n.tell(CallFlowedOut(at=NOW, call_id=CALL, queue_id=QUEUE, entered_at=NOW - 20, reason="fallback"))
    assert n.books() == {"offered": 1, "answered": 0, "abandoned": 0, "flowed_out": 1, "waiting": 0}
    assert n.count("calls_flowed_out", queue="service", reason="fallback") == 1
    assert n.count("calls_fell_back", reason="lease_expired") == 1
    assert n.level("calls_active", state="fallback") == 1


# --- the identity ------------------------------------------------------------------------------------------------------


def test_the_books_balance_while_calls_come_wait_and_go() -> None:
    n = Numbers()
    for i, ending in enumerate(
        ["answered", "abandoned", "flowed_out", "answered_late", "left_menu", "abandoned_short"]
    ):
        for fact in story(i, end=NOW, ending=ending):  # type: ignore[arg-type]
            n.tell(fact)
            assert n.check(NOW) == []
    n.tell(queued(call=CallId("w")))
    assert n.check(NOW + 1000) == []


def test_an_entry_that_vanished_breaks_the_identity_once_after_a_grace() -> None:
    n = Numbers().tell(queued(), CallEnded(at=NOW, call_id=CALL))
    assert n.check(NOW + OUTCOME_GRACE_S - 1) == []
    assert [n.check(NOW + 60), n.check(NOW + 120), n.check(NOW + 3600)] == [["service"], [], []]


def test_each_further_loss_is_a_further_violation_and_a_late_outcome_mends_it() -> None:
    n = Numbers().tell(queued(), CallEnded(at=NOW, call_id=CALL))
    assert n.check(NOW + 60) == ["service"]
    n.tell(queued(call=CallId("c2")), CallEnded(at=NOW, call_id=CallId("c2")))
    assert n.check(NOW + 120) == ["service"]
    for call in (CALL, CallId("c2")):
        n.tell(CallAbandoned(at=NOW, call_id=call, queue_id=QUEUE, entered_at=NOW - 10))
    assert n.check(NOW + 180) == []
    assert n.books()["abandoned"] == 2


# --- bad input and limits ------------------------------------------------------------------------------------------------


def test_an_unknown_queue_is_counted_as_other_everywhere() -> None:
    n = Numbers().tell(
        *story(1, end=NOW, queue=QueueId("no such")), *story(2, end=NOW, ending="flowed_out", queue=QueueId("'; drop"))
    )
    assert n.books("other") == {"offered": 2, "answered": 1, "abandoned": 0, "flowed_out": 1, "waiting": 0}
    assert n.check(NOW) == []


@pytest.mark.parametrize("at", [0.0, -1.0, 1e300, float("nan"), float("inf")])
def test_impossible_times_do_not_hurt(at: float) -> None:
    n = Numbers()
    facts = [
        queued(at),
        made(at, at),
        OfferAccepted(at=at, call_id=CALL, offer_id=OFFER),
        TalkEnded(at=at, call_id=CALL, offer_id=OFFER),
    ]
    for fact in [*facts, CallEnded(at=at, call_id=CALL), state(at, "ready", "offline"), state(at, "wrap_up", "ready")]:
        for seen in n.fold.handle(fact, NOW):
            n.board.apply(seen)
    assert n.count("calls_answered", queue="service") == 1
    assert n.check(NOW + 60) == []


def test_memory_is_bounded_by_living_and_recently_ended_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_module, "LIVE_LIMIT", 50)
    monkeypatch.setattr(calls_module, "ENDED_LIMIT", 70)
    n = Numbers()
    for i in range(200):
        n.tell(*story(i, end=NOW, ending="answered"), queued(call=CallId(f"w{i}")))
    assert len(n.fold._book.live) == 50
    assert len(n.fold._book.ended) == 70
    assert (
        n.count("limits_reached", limit="metrics_calls")
        == n.count("calls_flowed_out", queue="service", reason="lost")
        > 0
    )
    assert n.check(NOW + 60) == []


def test_one_call_cannot_fill_the_memory() -> None:
    n = Numbers().tell(queued())
    for i in range(1000):
        n.tell(made(NOW, offer=OfferId(f"o{i}")), OfferBusy(at=NOW, call_id=CALL, offer_id=OfferId(f"o{i}")))
    call = n.fold._book.live[CALL]
    assert len(call.offers) <= calls_module.PER_CALL_LIMIT
    assert len(call.seen) <= calls_module.SEEN_LIMIT
    assert n.count("offers", queue="service", result="busy") == 1000


def _all_fact_kinds(kind: type[Fact]) -> Iterable[type[Fact]]:
    below = kind.__subclasses__()
    return [leaf for k in below for leaf in _all_fact_kinds(k)] if below else [kind]


def test_every_kind_of_fact_has_its_count() -> None:
    from metrics.definitions import FACT

    assert set(FACT.values) == {k.__name__ for k in _all_fact_kinds(Fact)}


@pytest.mark.parametrize("found_first", [True, False])
def test_a_transfer_that_its_node_and_a_new_router_tell_counts_once(found_first: bool) -> None:
    """Found by the seeded stories (seed 81): no router lived when the node told it, and the next one found it so."""
    seen = TransferCompleted(at=NOW, call_id=CALL, offer_id=OFFER, kind="attended", next_offer=OfferId("o2"))
    found = TransferCompleted(
        at=NOW + 1, call_id=CALL, offer_id=OFFER, kind="attended", next_offer=OfferId("o2"), reconciled=True
    )
    numbers = Numbers().tell(made(NOW - 9), *((found, seen) if found_first else (seen, found)))
    assert numbers.board.count_of("transfers", kind="attended") == 1


def test_a_transfer_that_was_seen_is_not_counted_as_failed_by_a_router_that_had_not_heard_it() -> None:
    told = {"call_id": CALL, "offer_id": OFFER, "kind": "attended", "next_offer": OfferId("o2")}
    numbers = Numbers().tell(
        made(NOW - 9),
        TransferCompleted(at=NOW, **told),  # type: ignore[arg-type]
        TransferFailed(at=NOW + 5, reason="caller_left", **told),  # type: ignore[arg-type]
    )
    assert numbers.count("transfers_failed", kind="attended", reason="caller_left") == 0
