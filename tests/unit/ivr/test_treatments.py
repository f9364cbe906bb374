"""What is done with callers instead of letting them wait."""

from pathlib import Path
from typing import Any

import pytest

from hotline.commands import DialOut, Hangup, Play, RecordMessage, Release, Remember, StartMusic
from hotline.dialling import Policy
from hotline.facts import (
    AnnouncementDue,
    CallAdopted,
    CallCameBack,
    CallFlowedOut,
    CallForwarded,
    CallPriorityChanged,
    CallQueued,
    CallResumed,
    OfferAccepted,
    OfferTimedOut,
    OutgoingAnswered,
    OutgoingAsked,
    Place,
    VoicemailBegan,
)
from hotline.ids import CallId, QueueId
from ivr.flow.model import Sound
from ivr.instead.announcements import announcement, announcements
from ivr.instead.means import Means
from ivr.instead.treatments import ASKS
from ivr.line.stay import Stay
from ivr.sessions.session import Session
from ivr.speech.naming import sound_name
from tests.unit.ivr.making import CALL, FLOW, NODE, NOW, SOUNDS, Caller, adopted, flow, heard, offer_made, only, results

OPEN = Policy(trunk=True, allow=("139",))


def means(**more: Any) -> Means:
    return Means(announcements={"closed": (Sound(name="closed"),), "voicemail": (Sound(name="speak"),)}, **more)


class Treated(Caller):
    """A caller who waits in the line of sales, or was found."""

    def __init__(self, event: CallAdopted | None = None, **more: Any) -> None:
        super().__init__()
        given = means(**more)
        if event is None:
            self.session._call.means = given
            self.to_queue()
        else:
            self.session, self.last = Session.start(event, flow(), now=NOW, sounds=SOUNDS, means=given)
            self.all = list(self.last)

    @property
    def stay(self) -> Stay:
        stay = self.session._call.stay
        assert stay is not None
        return stay

    def flows_out(self, treatment: str, *, reason: str = "overflow", announce: str = "") -> list[Any]:
        queued = only(self.all, CallQueued)[-1]
        return self.tell(
            CallFlowedOut(
                at=self.now,
                call_id=CALL,
                queue_id=queued.queue_id,
                entered_at=queued.entered_at,
                reason=reason,
                treatment=treatment,
                announce=announce,
            )
        )

    def permitted(self, refusal: str = "", *, number: str = "13900000001") -> list[Any]:
        return self.tell(OutgoingAnswered(at=self.now, call_id=CALL, number=number, refusal=refusal))

    def back(self, errand: Any, result: Any) -> list[Any]:
        return self.tell(CallCameBack(at=self.now, call_id=CALL, errand=errand, result=result))


def place(treatment: str) -> Place:
    return Place(
        flow="test", flow_version=flow().version, step="sales", treatment=treatment, treated_queue=QueueId("sales")
    )


# --- hanging up, announcements, the fallback ---------------------------------------------------------------------------------


def test_hanging_up_is_done_at_once() -> None:
    out = Treated().flows_out("hang_up")
    assert len(only(out, Hangup)) == 1
    assert results(out) == [("sales", "hung_up")]


def test_an_announcement_is_heard_to_its_end_before_the_call_is_hung_up() -> None:
    caller = Treated()
    out = caller.flows_out("announce:closed")
    assert heard(out) == [("closed",)]
    assert only(out, Play)[0].interrupt == ""
    assert only(out, Remember)[0].place.treatment == "announce:closed"
    assert len(only(caller.play_ends(), Hangup)) == 1


def test_an_announcement_that_cannot_be_played_leads_to_the_fallback_queue() -> None:
    caller = Treated()
    caller.flows_out("announce:closed")
    assert [r.reason for r in only(caller.play_ends("failed"), Release)] == ["overflow"]


def test_an_announcement_whose_end_nobody_tells_is_over_by_its_length() -> None:
    caller = Treated()
    caller.flows_out("announce:closed")
    assert len(only(caller.deadline_comes(), Hangup)) == 1


def test_an_announcement_before_the_fallback_queue() -> None:
    caller = Treated()
    assert heard(caller.flows_out("fallback", announce="closed")) == [("closed",)]
    assert [r.reason for r in only(caller.play_ends(), Release)] == ["overflow"]


def test_one_that_has_to_be_heard_first_does_not_keep_the_treatment_from_him_when_it_fails() -> None:
    caller = Treated()
    caller.flows_out("voicemail", announce="closed")
    assert heard(caller.play_ends("failed")) == [("speak",)]


def test_a_flow_may_bring_its_own_announcements() -> None:
    own = flow(FLOW + "announcements:\n  closed: [{say: {en: Gone home, zh: 已下班}}]\n")
    caller = Caller(of=own).to_queue()
    queued = only(caller.all, CallQueued)[-1]
    ids = {"call_id": CALL, "queue_id": queued.queue_id, "entered_at": queued.entered_at}
    out = caller.tell(CallFlowedOut(at=NOW, **ids, reason="closed", treatment="announce:closed"))  # type: ignore[arg-type]
    assert heard(out) == [(sound_name("en", "Gone home"),)]


def test_an_unknown_announcement_is_that_of_an_emergency() -> None:
    out = Treated().flows_out("announce:nonsense")
    (said,) = announcement("emergency")
    assert heard(out) == [(sound_name("en", said.texts["en"]),)]  # type: ignore[union-attr]


def test_every_announcement_has_a_text_in_both_languages() -> None:
    from hotline.settings import Settings
    from hotline.settings.queues import Queue

    found = announcements(
        Settings(queues=(Queue(id="q", when_full="announce:storm"),)), ["announce.flood", "main.menu"]
    )
    assert {"storm", "flood", "emergency", "closed", "full", "voicemail"} <= found.keys()
    assert "main.menu" not in found
    for prompt in found.values():
        assert all(said.texts.keys() == {"zh", "en"} for said in prompt)  # type: ignore[union-attr]


def test_the_page_about_queues_says_what_callers_hear() -> None:
    page = (Path(__file__).parents[3] / "docs/queues.md").read_text(encoding="utf-8")
    for name in ("emergency", "closed", "full", "voicemail", "voicemail_left", "forwarding"):
        (said,) = announcement(name)
        texts = said.texts  # type: ignore[union-attr]
        assert f"| `{name}` | {texts['zh']} | {texts['en']} |" in page


# --- messages ----------------------------------------------------------------------------------------------------------------


def recording(caller: Treated) -> RecordMessage:
    caller.flows_out("voicemail")
    out = caller.play_ends()
    began = only(out, VoicemailBegan)
    commands = only(out, RecordMessage)
    assert [b.message_id for b in began] == [c.message_id for c in commands]
    assert caller.session.state == "outside"
    return commands[0]


def test_a_message_is_asked_for_recorded_and_thanked_for() -> None:
    caller = Treated()
    command = recording(caller)
    assert command.max_s == 180
    assert len(heard(caller.back("message", "done"))) == 1
    assert len(only(caller.play_ends(), Hangup)) == 1


def test_who_does_not_want_to_hear_how_it_works_can_begin_at_once() -> None:
    caller = Treated()
    caller.flows_out("voicemail")
    assert "#" in caller.playing.interrupt
    assert len(only(caller.play_ends("interrupted"), RecordMessage)) == 1


@pytest.mark.parametrize("result", ["failed", "unknown"])
def test_a_message_that_could_not_be_recorded_leads_to_the_fallback_queue(result: str) -> None:
    caller = Treated()
    recording(caller)
    assert len(only(caller.back("message", result), Release)) == 1


def test_a_refused_recording_leads_to_the_fallback_queue() -> None:
    caller = Treated()
    assert len(only(caller.refused(recording(caller)), Release)) == 1


def test_a_message_whose_end_nobody_tells_is_not_waited_for_for_ever() -> None:
    caller = Treated()
    command = recording(caller)
    before = caller.now
    assert len(only(caller.deadline_comes(), Release)) == 1
    assert caller.now - before > command.max_s


# --- another line ------------------------------------------------------------------------------------------------------------------


def test_in_another_line_he_keeps_what_he_had() -> None:
    caller = Treated()
    first = only(caller.all, CallQueued)[-1]
    caller.now += 60
    out = caller.flows_out("queue:service")
    (queued,) = only(out, CallQueued)
    assert (queued.queue_id, queued.entered_at, queued.since) == ("service", caller.now, first.entered_at)
    assert (queued.priority, queued.skills, queued.before) == (first.priority, first.skills, ("sales",))
    kept = only(out, Remember)[0].place
    assert (kept.queue_id, kept.entered_at, kept.since, kept.before) == (
        "service",
        caller.now,
        first.entered_at,
        ("sales",),
    )
    assert only(out, StartMusic)[0].music_class == "default"
    assert caller.session.state == "waiting"


def test_in_another_line_what_he_was_told_of_his_place_counts_no_more() -> None:
    caller = Treated()
    assert caller.stay.comforted.least_before is None
    caller.stay.comforted.least_before = 0
    caller.flows_out("queue:service")
    assert caller.stay.comforted.least_before is None


def test_a_second_move_keeps_the_first_time_of_all() -> None:
    caller = Treated()
    caller.now += 60
    caller.flows_out("queue:service")
    caller.now += 60
    (queued,) = only(caller.flows_out("queue:sales"), CallQueued)
    assert (queued.since, queued.before) == (NOW, ("sales", "service"))


def test_the_same_news_twice_is_one_move() -> None:
    caller = Treated()
    event = CallFlowedOut(
        at=NOW, call_id=CALL, queue_id=QueueId("sales"), entered_at=NOW, reason="overflow", treatment="queue:service"
    )
    assert len(only(caller.tell(event), CallQueued)) == 1
    assert caller.tell(event) == []


# --- numbers outside -----------------------------------------------------------------------------------------------------------------


def test_a_number_that_may_be_dialled_is_dialled_and_the_call_ends_with_it() -> None:
    caller = Treated(outbound=OPEN)
    out = caller.flows_out("number:13900000001")
    assert [(a.number, a.node) for a in only(out, OutgoingAsked)] == [("13900000001", NODE)]
    assert only(out, DialOut) == []
    assert caller.playing.interrupt == "", "he hears first that he is put through"
    assert caller.permitted() == []
    out = caller.play_ends()
    assert [c.number for c in only(out, DialOut)] == ["13900000001"]
    assert [f.number for f in only(out, CallForwarded)] == ["13900000001"]
    assert caller.session.next_deadline() is None
    assert len(only(caller.back("number", "done"), Hangup)) == 1


def test_a_number_that_does_not_answer_leads_to_the_fallback_queue() -> None:
    caller = Treated(outbound=OPEN)
    caller.flows_out("number:13900000001")
    caller.permitted()
    caller.play_ends("failed")
    assert len(only(caller.back("number", "failed"), Release)) == 1


def test_a_number_that_policy_forbids_is_not_dialled() -> None:
    caller = Treated(outbound=OPEN)
    out = caller.flows_out("number:00900123")
    assert [*only(out, DialOut), *only(out, OutgoingAsked)] == []
    assert ("sales", "not_forwarded:not_allowed") in results(out)
    assert len(only(out, Release)) == 1


def test_who_is_refused_by_the_router_goes_to_the_fallback_queue_at_once() -> None:
    caller = Treated(outbound=OPEN)
    caller.flows_out("number:13900000001")
    out = caller.permitted("too_many_at_once")
    assert ("sales", "not_forwarded:too_many_at_once") in results(out)
    assert len(only(out, Release)) == 1
    assert only(caller.play_ends(), DialOut) == []


def test_a_late_answer_of_the_router_is_waited_for_and_dialled_at_once() -> None:
    caller = Treated(outbound=OPEN)
    caller.flows_out("number:13900000001")
    assert len(only(caller.play_ends(), OutgoingAsked)) == 1, "the router that was asked first may be dead"
    assert len(only(caller.deadline_comes(), OutgoingAsked)) == 1
    assert len(only(caller.permitted(), DialOut)) == 1


def test_without_a_router_nothing_is_dialled() -> None:
    caller = Treated(outbound=OPEN)
    caller.flows_out("number:13900000001")
    caller.play_ends()
    for _ in range(ASKS - 2):
        caller.deadline_comes()
    out = caller.deadline_comes()
    assert ("sales", "not_forwarded:no_router") in results(out)
    assert only(out, DialOut) == []
    assert len(only(out, Release)) == 1


def test_an_answer_counts_once_and_only_for_his_number() -> None:
    caller = Treated(outbound=OPEN)
    caller.flows_out("number:13900000001")
    caller.permitted(number="13900000002")
    assert only(caller.play_ends(), DialOut) == []
    assert len(only(caller.permitted(), DialOut)) == 1
    assert caller.permitted("too_many_at_once") == []


# --- races ------------------------------------------------------------------------------------------------------------------------------


def test_who_is_with_a_seat_when_he_is_let_out_is_treated_when_he_is_back() -> None:
    caller = Treated()
    caller.tell(offer_made("o1"))
    assert caller.flows_out("hang_up") == []
    caller.offered(OfferTimedOut, "o1")
    assert len(only(caller.returned("o1", answered=False), Hangup)) == 1


def test_an_offer_that_overtakes_a_treatment_serves_him() -> None:
    caller = Treated()
    caller.flows_out("announce:closed")
    caller.tell(offer_made("o1"))
    caller.offered(OfferAccepted, "o1")
    assert caller.session.state == "talking"
    assert caller.play_ends() == []


# --- in the line ------------------------------------------------------------------------------------------------------------------------


def test_an_announcement_while_waiting_is_heard_and_then_music_again() -> None:
    caller = Treated()
    out = caller.tell(AnnouncementDue(at=NOW, call_id=CALL, queue_id=QueueId("sales"), name="closed"))
    assert heard(out) == [("closed",)]
    assert caller.session.waiting_since is not None
    assert len(only(caller.play_ends(), StartMusic)) == 1


def test_his_old_place_and_a_new_priority_are_kept_on_the_channel() -> None:
    caller = Treated()
    resumed = CallResumed(
        at=NOW, call_id=CALL, queue_id=QueueId("sales"), since=NOW - 100, earlier_call_id=CallId("earlier")
    )
    assert only(caller.tell(resumed), Remember)[0].place.since == NOW - 100
    entered_at = only(caller.all, CallQueued)[-1].entered_at
    ids = {"at": NOW, "call_id": CALL, "queue_id": QueueId("sales"), "entered_at": entered_at}
    out = caller.tell(CallPriorityChanged(**ids, priority=9, previous=5, by="mei"))  # type: ignore[arg-type]
    assert (only(out, Remember)[0].place.priority, only(out, Remember)[0].place.since) == (9, NOW - 100)


# --- adoption ------------------------------------------------------------------------------------------------------------------------------


def test_who_is_found_in_the_middle_of_a_treatment_gets_it_from_the_beginning() -> None:
    found = Treated(adopted("session", place("announce:closed")))
    assert only(found.all, CallQueued) == []
    assert heard(found.all) == [("closed",)]
    assert len(only(found.play_ends(), Hangup)) == 1


def test_a_number_is_not_dialled_twice() -> None:
    found = Treated(adopted("session", place("number:13900000001")), outbound=OPEN)
    assert only(found.all, DialOut) == []
    assert len(only(found.all, Release)) == 1


def test_who_is_found_outside_is_waited_for_and_nothing_is_sent() -> None:
    found = Treated(adopted("outside", place("voicemail")))
    assert found.all == []
    assert found.session.state == "outside"
    assert len(heard(found.back("message", "done"))) == 1


def test_who_is_seen_to_be_back_although_nobody_told_goes_to_the_fallback_queue() -> None:
    caller = Treated(outbound=OPEN)
    caller.flows_out("number:13900000001")
    caller.permitted()
    caller.play_ends()
    seen = CallAdopted(at=NOW + 60, call_id=CALL, node=NODE, leg=adopted("session").leg, phase="session", number="4000")
    assert len(only(caller.tell(seen), Release)) == 1
