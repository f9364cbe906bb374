"""When recordings are expected, collected, marked and forgotten."""

from typing import get_args

import pytest

from hotline import facts as f
from hotline.ids import AgentId, CallId, Extension, LegId, NodeId, OfferId, QueueId, RecordingId
from recorder.policy import MISSING_AFTER_S, NEXT, REMEMBERED, RETRY_S, SETTLE_S, STILL_OPEN_S, Policy
from recorder.records import (
    Action,
    Collect,
    Entry,
    Flawed,
    Forget,
    Grown,
    Keep,
    Look,
    NoRoom,
    State,
    Stored,
)

NODE = NodeId("node1")
CALL, OFFER, ID = CallId("call"), OfferId("offer"), RecordingId("offer")
STORED = Stored(file="2026/01/01/offer.wav", sha256="ab", size_bytes=100, duration_s=5.0)
IDS = {"call_id": CALL, "offer_id": OFFER}


def offer(
    at: float = 100.0, *, recording: str | None = "offer", call_id: str = "call", offer_id: str = "offer"
) -> f.OfferMade:
    return f.OfferMade(
        at=at, call_id=CallId(call_id), offer_id=OfferId(offer_id), agent_id=AgentId("a"), extension=Extension("1001"),
        queue_id=QueueId("q"), ring_timeout_s=15, entered_at=at,
        recording_id=None if recording is None else RecordingId(recording),
    )  # fmt: skip


def accepted(at: float = 105.0) -> f.OfferAccepted:
    return f.OfferAccepted(at=at, **IDS)


def talk_ended(at: float = 110.0) -> f.TalkEnded:
    return f.TalkEnded(at=at, **IDS)


def call_ended(at: float = 110.0) -> f.CallEnded:
    return f.CallEnded(at=at, call_id=CALL)


def adopted(phase: str, *, offer_id: OfferId | None = None, at: float = 200.0, node: NodeId = NODE) -> f.CallAdopted:
    return f.CallAdopted(at=at, call_id=CALL, node=node, leg=LegId("leg"), phase=phase, offer_id=offer_id)  # type: ignore[arg-type]


class Play:
    """A policy at a clock; `give` and `pass_` return what it wants, in short words."""

    def __init__(self, *entries: Entry, now: float = 100.0) -> None:
        self.policy = Policy(NODE, entries, now=now)
        self.now = now
        self.facts: list[f.Fact] = []

    def give(self, record: f.Record, now: float | None = None) -> list[str]:
        self.now = max(self.now, record.at) if now is None else now
        return self.words(self.policy.handle(record, self.now))

    def wake(self) -> list[str]:
        """Go on to the next deadline."""
        deadline = self.policy.next_deadline()
        assert deadline is not None, "nothing is due"
        self.now = max(self.now, deadline)
        return self.words(self.policy.wake(self.now))

    def looked(self, size: int | None, *, is_open: bool = False) -> list[str]:
        return self.words(self.policy.looked(ID, size, is_open=is_open, now=self.now))

    def collected(self, result: Stored | Flawed | Grown | NoRoom) -> list[str]:
        return self.words(self.policy.collected(ID, result, self.now))

    def settle(self, size: int = 1000) -> list[str]:
        """Let the file come to rest."""
        for _ in range(2):
            assert self.wake() == ["look"]
            out = self.looked(size)
        return out

    def words(self, actions: list[Action]) -> list[str]:
        out = []
        for action in actions:
            match action:
                case f.RecordingMarked():
                    out.append(f"marked {action.problem}")
                case f.RecordingStarted():
                    out.append("started")
                case f.RecordingStored():
                    out.append("stored")
                case Look():
                    out.append("look")
                case Collect():
                    out.append(f"collect {action.talked_s}")
                case Keep():
                    out.append(f"keep {action.entry.state}")
                case Forget():
                    out.append("forget")
            if isinstance(action, f.Fact):
                self.facts.append(action)
        return out


def talking() -> Play:
    play = Play()
    play.give(offer())
    play.give(accepted())
    return play


def test_a_conversation_is_recorded_from_the_answer_to_the_store() -> None:
    play = Play()
    assert play.give(offer()) == ["keep offered"]
    assert play.give(accepted()) == ["started", "keep talking"]
    assert play.give(talk_ended()) == ["keep settling"]
    assert play.policy.next_deadline() == 110.0 + SETTLE_S
    assert play.settle() == ["collect 5.0"]
    assert play.collected(STORED) == ["stored", "forget"]
    assert play.policy.entries == {}
    assert play.policy.next_deadline() is None
    stored = play.facts[-1]
    assert isinstance(stored, f.RecordingStored)
    assert (stored.call_id, stored.offer_id, stored.recording_id) == (CALL, OFFER, ID)
    assert (stored.file, stored.sha256, stored.size_bytes, stored.duration_s) == (
        "2026/01/01/offer.wav",
        "ab",
        100,
        5.0,
    )


@pytest.mark.parametrize("end", [talk_ended(), call_ended(), f.CallReturned(at=110.0, **IDS, answered=True)])
def test_each_kind_of_end_ends_the_recording_and_the_others_change_nothing(end: f.Record) -> None:
    play = talking()
    assert play.give(end) == ["keep settling"]
    assert play.give(talk_ended(111)) == []
    assert play.give(call_ended(112)) == []
    assert play.settle() == ["collect 5.0"]
    assert play.give(call_ended(113)) == []


@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("over", [False, True])
def test_a_conversation_during_which_we_lost_sight_has_no_length_to_compare_with(over: bool, up: bool) -> None:
    play = talking()
    if over:
        play.give(talk_ended())  # heard late: it may have ended long before
    lost = play.give(f.LinkChanged(at=110.1, node=NODE, up=up))
    assert lost == ["keep settling" if over else "keep talking"]
    if not over:
        play.give(talk_ended(at=111.0))
    assert play.settle() == ["collect None"]


def test_a_queue_without_recordings_leaves_no_trace() -> None:
    play = Play()
    assert play.give(offer(recording=None)) == []
    assert play.give(accepted()) == []
    assert play.give(call_ended()) == []


def test_repeated_facts_change_nothing_at_any_time() -> None:
    play = Play()
    for _ in range(2):
        play.give(offer())
    assert play.give(accepted()) == ["started", "keep talking"]
    assert play.give(accepted()) == []
    assert play.give(offer()) == []
    play.give(talk_ended())
    assert play.give(accepted()) == []
    play.settle()
    play.collected(STORED)
    for fact in (offer(), accepted(), talk_ended(), call_ended()):
        assert play.give(fact) == []
    assert play.policy.entries == {}


@pytest.mark.parametrize(
    "fact",
    [
        f.OfferTimedOut(at=110, **IDS),
        f.OfferRejected(at=110, **IDS),
        f.OfferBusy(at=110, **IDS),
        f.OfferFailed(at=110, **IDS, reason="x"),
        f.OfferRescinded(at=110, **IDS, reason="withdrawn"),
        f.CallReturned(at=110, **IDS, answered=False),
        f.CallEnded(at=110, call_id=CALL),
    ],
)
def test_an_offer_without_an_answer_is_forgotten_without_a_word(fact: f.Record) -> None:
    play = Play()
    play.give(offer())
    assert play.give(fact) == ["keep settling"]
    assert play.wake() == ["look"]
    assert play.looked(None) == ["forget"]
    assert play.facts == []


def test_an_empty_file_of_an_offer_without_an_answer_is_cleared_away_without_a_word() -> None:
    play = Play()
    play.give(offer())
    play.give(call_ended())
    assert play.settle(0) == ["collect None"]
    assert play.collected(Flawed(problem="empty", detail="")) == ["forget"]
    assert play.facts == []


def test_audio_is_kept_even_if_the_news_of_the_answer_was_lost() -> None:
    play = Play()
    play.give(offer())
    play.give(call_ended())
    assert play.settle() == ["collect None"]
    assert play.collected(STORED) == ["started", "stored", "forget"]


# --- the file comes to rest --------------------------------------------------------------------------------------------


def test_a_file_that_grows_is_waited_for() -> None:
    play = talking()
    play.give(talk_ended())
    for size in (1000, 2000, 3000):
        assert play.wake() == ["look"]
        assert play.looked(size) == []
    assert play.wake() == ["look"]
    assert play.looked(3000) == ["collect 5.0"]


def test_a_file_that_rests_but_is_open_is_waited_for_a_while() -> None:
    play = talking()
    play.give(talk_ended())
    began, out = play.now, []
    while not out:
        assert play.wake() == ["look"]
        out = play.looked(1000, is_open=True)
    assert out == ["collect 5.0"]
    assert STILL_OPEN_S <= play.now - began <= STILL_OPEN_S + 2 * SETTLE_S


def test_a_file_that_never_appears_is_collected_so_that_it_is_marked() -> None:
    play = talking()
    play.give(talk_ended())
    began, out = play.now, []
    while not out:
        assert play.wake() == ["look"]
        out = play.looked(None)
    assert out == ["collect 5.0"]
    assert MISSING_AFTER_S <= play.now - began <= MISSING_AFTER_S + 2 * SETTLE_S
    assert play.collected(Flawed(problem="missing", detail="")) == ["marked missing", "forget"]


def test_a_file_that_grew_while_it_was_collected_is_looked_at_again() -> None:
    play = talking()
    play.give(talk_ended())
    play.settle()
    assert play.collected(Grown()) == ["keep settling"]
    assert play.settle(2000) == ["collect 5.0"]
    assert play.collected(STORED) == ["stored", "forget"]


def test_a_directory_that_cannot_be_read_is_tried_again_later() -> None:
    play = talking()
    play.give(talk_ended())
    play.wake()
    assert play.policy.look_failed(ID, play.now) == []
    assert play.policy.next_deadline() == play.now + RETRY_S


@pytest.mark.parametrize("problem", ["empty", "broken", "too_short"])
def test_a_flawed_recording_is_marked_once(problem: str) -> None:
    play = talking()
    play.give(talk_ended())
    play.settle()
    flawed = Flawed(problem=problem, detail="d")  # type: ignore[arg-type]
    assert play.collected(flawed) == [f"marked {problem}", "forget"]
    assert play.collected(flawed) == []


def test_without_room_it_is_marked_once_and_tried_until_there_is_room() -> None:
    play = talking()
    play.give(talk_ended())
    play.settle()
    assert play.collected(NoRoom(detail="ENOSPC")) == ["marked store_failed", "keep stuck"]
    assert play.policy.next_deadline() == play.now + RETRY_S
    assert play.wake() == ["collect 5.0"]
    assert play.collected(NoRoom(detail="ENOSPC")) == ["keep stuck"]
    assert play.wake() == ["collect 5.0"]
    assert play.collected(STORED) == ["stored", "forget"]


def test_answers_that_come_too_late_change_nothing() -> None:
    play = talking()
    assert play.looked(1000) == []
    assert play.collected(STORED) == []
    play.give(talk_ended())
    play.settle()
    assert play.looked(1000) == []


# --- after our own death -----------------------------------------------------------------------------------------------


def entry(state: State = "talking", **more: object) -> Entry:
    known = {"accepted_at": 50.0, "expected": True, "announced": True} if state != "offered" else {}
    return Entry(recording_id=ID, call_id=CALL, offer_id=OFFER, at=40.0, state=state, **(known | more))  # type: ignore[arg-type]


def test_a_conversation_that_ended_while_we_were_away_is_collected_after_the_snapshot() -> None:
    play = Play(entry())
    assert play.policy.next_deadline() is None
    assert play.give(f.SnapshotTaken(at=200.0, node=NODE, living=())) == ["keep settling"]
    assert play.settle() == ["collect None"]
    assert play.collected(STORED) == ["stored", "forget"]


def test_a_conversation_that_still_lives_goes_on() -> None:
    play = Play(entry())
    assert play.give(adopted("talking", offer_id=OFFER)) == []
    assert play.give(f.SnapshotTaken(at=200.0, node=NODE, living=(CALL,))) == []
    assert play.give(talk_ended(210)) == ["keep settling"]
    assert play.settle() == ["collect 160.0"]


def test_an_answer_that_came_while_we_were_away_starts_the_recording() -> None:
    play = Play(entry("offered"))
    assert play.give(adopted("talking", offer_id=OFFER)) == ["started", "keep talking"]
    play.give(talk_ended(210))
    assert play.settle() == ["collect None"]


@pytest.mark.parametrize("phase", ["session", "fallback"])
def test_a_caller_who_is_back_from_a_conversation_ended_it(phase: str) -> None:
    play = Play(entry())
    assert play.give(adopted(phase)) == ["keep settling"]


def test_a_caller_who_rings_elsewhere_ended_the_earlier_conversation() -> None:
    play = Play(entry())
    assert play.give(adopted("ringing", offer_id=OfferId("other"))) == ["keep settling"]


def test_a_conversation_nobody_knew_of_is_recorded_if_there_is_a_file() -> None:
    play = Play()
    assert play.give(adopted("talking", offer_id=OFFER)) == ["keep talking"]
    play.give(talk_ended(210))
    assert play.settle() == ["collect None"]
    assert play.collected(STORED) == ["started", "stored", "forget"]


@pytest.mark.parametrize("state", ["settling", "collecting", "stuck"])
def test_what_was_being_collected_is_begun_again_at_once(state: State) -> None:
    play = Play(entry(state), now=300.0)
    assert play.policy.next_deadline() == 300.0
    assert play.settle() == ["collect None"]


def test_a_file_that_our_former_life_stored_is_found_by_collecting() -> None:
    play = Play(entry("settling"), now=300.0)
    assert play.wake() == ["look"]
    assert play.looked(None) == ["collect None"]
    assert play.collected(STORED) == ["stored", "forget"]


def test_a_snapshot_of_another_node_or_of_calls_of_this_life_ends_nothing() -> None:
    play = talking()
    assert play.give(f.SnapshotTaken(at=106.0, node=NodeId("node2"), living=())) == []
    assert play.give(f.SnapshotTaken(at=106.0, node=NODE, living=())) == []
    restored = Play(entry())
    assert restored.give(f.SnapshotTaken(at=106.0, node=NodeId("node2"), living=())) == []


def test_calls_of_another_node_are_recorded_there() -> None:
    play = Play()
    play.give(f.CallArrived(at=1.0, call_id=CALL, node=NodeId("node2"), leg=LegId("l"), number="4000"))
    assert play.give(offer()) == []
    assert play.give(adopted("talking", offer_id=OFFER, node=NodeId("node2"))) == []
    play.give(call_ended(105))
    assert play.give(offer(106)) == ["keep offered"]


# --- limits and the table ----------------------------------------------------------------------------------------------


def test_an_id_that_is_not_safe_in_a_file_name_is_never_recorded() -> None:
    for bad in ("../x", "a/b", "", "a\nb", "x" * 101):
        assert Play().give(offer(recording=bad)) == []


def test_what_is_remembered_of_closed_recordings_is_bounded() -> None:
    play = Play()
    for number in range(REMEMBERED + 10):
        name = f"o{number}"
        play.give(offer(recording=name, offer_id=name, call_id=name))
        play.give(f.CallEnded(at=100.0, call_id=CallId(name)))
        play.policy.looked(RecordingId(name), None, is_open=False, now=101.0)
    assert play.policy.entries == {}
    assert len(play.policy._closed) == REMEMBERED


def test_every_state_can_be_left_and_reached() -> None:
    states = set(get_args(State))
    assert {before for before, _ in NEXT} == states - {"closed"}
    assert set(NEXT.values()) == states - {"offered"}


# --- the offer is made in another process: its news may come last ----------------------------------------------------


def test_a_conversation_whose_offer_is_heard_of_later_is_recorded_from_its_answer() -> None:
    play = Play()
    assert play.give(accepted()) == ["keep talking"]
    assert play.give(offer(at=104.0)) == ["keep talking"]
    assert play.give(talk_ended()) == ["keep settling"]
    assert play.settle() == ["collect 5.0"]
    assert play.collected(STORED) == ["started", "stored", "forget"]


def test_a_conversation_that_is_over_before_its_offer_is_heard_of_is_stored() -> None:
    play = Play()
    play.give(accepted())
    play.give(talk_ended())
    assert play.give(offer(at=104.0)) == ["keep settling"]
    play.settle()
    assert play.collected(STORED) == ["started", "stored", "forget"]
    assert play.give(offer(at=104.0)) == []


def test_it_is_marked_as_missing_only_if_its_offer_says_that_it_is_recorded() -> None:
    play = Play()
    play.give(accepted())
    play.give(offer(at=104.0))
    play.give(talk_ended())
    play.wake()
    assert play.looked(None) == []
    play.now += MISSING_AFTER_S
    play.wake()
    assert play.looked(None) == ["collect 5.0"]
    assert play.collected(Flawed(problem="missing", detail="")) == ["started", "marked missing", "forget"]
    other = Play()
    other.give(accepted())
    other.give(talk_ended())
    other.wake()
    assert other.looked(None) == ["forget"]


def test_the_late_news_of_an_offer_that_was_not_answered_begins_nothing() -> None:
    play = Play()
    assert play.give(f.OfferTimedOut(at=103.0, **IDS)) == []
    assert play.give(offer(at=100.0)) == []
    assert play.policy.entries == {}


def test_what_is_not_recorded_is_not_looked_for() -> None:
    play = Play()
    assert play.give(offer(recording=None)) == []
    assert play.give(accepted()) == []
    assert play.give(talk_ended()) == []
    assert play.policy.entries == {}
