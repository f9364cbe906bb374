"""Who hung up while waiting and calls again gets his old place."""

from acd.core.callers.resuming import PLACES, LeftPlace, LeftPlaces
from acd.core.requests import CallerRequest
from hotline import facts as f
from hotline.ids import CallId, QueueId
from hotline.settings.queues import Overflow, Queue
from tests.unit.acd.play import START, Play


def redial(play: Play, call: str, *, caller: str = "138", queue: str = "") -> list[str]:
    play.arrived(call, caller=caller)
    return play.queued(call, queue)


def one_who_gave_up(*, queues: tuple[Queue, ...] = ()) -> Play:
    play = Play("1", queues=queues or (Queue(id="q", resume_s=300),))
    redial(play, "first")
    play.after(100)
    redial(play, "rival", caller="139")
    play.after(10)
    assert play.ended("first") == ["abandoned first"]
    return play


def in_order(play: Play) -> list[str]:
    return [caller.call_id for caller in play.router.floor.line.waiting(QueueId("q"))]


def test_he_has_his_old_place_and_a_clock_of_his_own() -> None:
    play = one_who_gave_up()
    play.after(200)
    assert redial(play, "again") == ["resumed again from first"]
    assert in_order(play) == ["again", "rival"]
    assert play.ready("1")[1] == "offer again 1"


def test_what_is_told_of_his_wait_begins_with_his_own_arrival_in_the_line() -> None:
    play = one_who_gave_up()
    play.after(200)
    redial(play, "again")
    resumed = next(o for o in play.out if isinstance(o, f.CallResumed))
    assert resumed.since == START
    play.after(2)
    play.ended("again")
    abandoned = next(o for o in play.out if isinstance(o, f.CallAbandoned))
    assert (abandoned.entered_at, abandoned.short) == (play.now - 2, True)


def test_too_late_it_is_gone() -> None:
    play = one_who_gave_up()
    play.after(301)
    assert redial(play, "again") == []
    assert in_order(play) == ["rival", "again"]
    assert len(play.router.floor.left_places) == 0


def test_it_is_given_back_once() -> None:
    play = one_who_gave_up()
    assert redial(play, "again") == ["resumed again from first"]
    assert redial(play, "and again") == []


def test_another_number_a_hidden_one_and_another_queue_have_no_claim() -> None:
    play = one_who_gave_up(queues=(Queue(id="q", resume_s=300), Queue(id="other", resume_s=300)))
    assert redial(play, "X", caller="137") == []
    assert redial(play, "Y", caller="") == []
    assert redial(play, "Z", queue="other") == []
    assert redial(play, "again") == ["resumed again from first"]


def test_a_hidden_number_leaves_no_place() -> None:
    play = Play("1", resume_s=300)
    redial(play, "A", caller="")
    play.ended("A")
    assert len(play.router.floor.left_places) == 0


def test_where_the_queue_does_not_say_so_nobody_resumes() -> None:
    play = Play("1")
    redial(play, "A")
    play.ended("A")
    assert redial(play, "B") == []


def test_who_gives_up_again_keeps_the_oldest_claim() -> None:
    play = one_who_gave_up()
    redial(play, "again")
    play.ended("again")
    redial(play, "third")
    caller = play.router.floor.line.get(CallId("third"))
    assert caller is not None
    assert caller.waits_since == START


def test_a_place_survives_the_routers_death() -> None:
    heir = one_who_gave_up().reborn()
    assert redial(heir, "again") == ["resumed again from first"]


def test_who_was_moved_has_his_place_where_he_had_called_too() -> None:
    rules = (Overflow(when="waited", over=60, to="queue:back"),)
    play = Play("1", queues=(Queue(id="q", resume_s=300, overflow=rules), Queue(id="back")))
    redial(play, "first")
    play.after(100)
    play.ended("first")
    assert redial(play, "elsewhere", queue="back") == [], "that queue gives no place back"
    assert redial(play, "again") == ["resumed again from first"]
    caller = play.router.floor.line.get(CallId("again"))
    assert caller is not None
    assert caller.waits_since == START
    assert play.after(0) == ["flowed out again overflow -> queue:back"], "he has waited for long enough"


def test_a_place_with_two_claims_is_given_back_once() -> None:
    play = Play("1", queues=(Queue(id="q", resume_s=300), Queue(id="back", resume_s=60)))
    redial(play, "first")
    play.give(CallerRequest(at=play.now, call_id=CallId("first"), treatment="queue:back"))
    play.after(10)
    play.ended("first")
    play.after(200)
    assert redial(play, "again") == ["resumed again from first"]
    assert redial(play, "once more", queue="back") == []
    assert len(play.router.floor.left_places) == 0


def test_places_are_bounded() -> None:
    places = LeftPlaces()
    for n in range(PLACES + 5):
        call, number = CallId(f"c{n}"), f"1{n}"
        places.keep(LeftPlace(call_id=call, queue_id=QueueId("q"), number=number, since=1.0, until=100.0))
    assert len(places) == PLACES
    assert places.take(QueueId("q"), "10", 2.0) is None
    assert places.take(QueueId("q"), f"1{PLACES}", 2.0) is not None
    assert places.take(QueueId("q"), f"1{PLACES + 1}", 100.1) is None, "too late"
