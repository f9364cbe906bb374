"""What agents ask for, by API and by phone, and what their phones do."""

import pytest

from acd.core.requests import ask_of_code
from hotline import facts as f
from tests.unit.acd.play import Play, profile


def test_who_logs_in_is_on_a_break_until_he_is_ready():
    play = Play("1001")
    assert play.ask("1001", "log_in") == ["1001 offline -> break (logged_in)"]
    assert play.ask("1001", "ready") == ["1001 break -> ready"]


def test_who_is_ready_without_a_log_in_is_logged_in():
    assert Play("1001").ask("1001", "ready") == ["1001 offline -> ready"]


def test_the_reason_of_a_break_is_told():
    play = Play("1001")
    play.ready("1001")
    assert play.ask("1001", "not_ready", "lunch") == ["1001 ready -> break (lunch)"]


def test_a_break_without_a_reason_gets_the_first():
    play = Play("1001")
    play.ready("1001")
    assert play.ask("1001", "not_ready") == ["1001 ready -> break (break)"]


@pytest.mark.parametrize(
    ("agent", "ask", "reason", "refusal"),
    [
        ("1001", "not_ready", "", "not_logged_in"),
        ("1001", "end_wrap_up", "", "not_logged_in"),
        ("1002", "end_wrap_up", "", "not_in_wrap_up"),
        ("1002", "not_ready", "golf", "unknown_reason"),
        ("1009", "ready", "", "no_such_agent"),
    ],
)
def test_an_illegal_request_is_refused_by_name_and_changes_nothing(agent, ask, reason, refusal):
    play = Play("1001", "1002")
    play.ready("1002")
    assert play.ask(agent, ask, reason) == [f"refused {agent} {refusal}"]
    assert (play.state("1001"), play.state("1002")) == ("offline", "ready")


@pytest.mark.parametrize("phase", ["reserved", "ringing", "talking", "wrap_up"])
def test_a_break_asked_for_during_a_call_comes_after_it(phase):
    play = Play("1001", wrap_up_s=10)
    play.ready("1001")
    play.queued("A")
    steps = {"ringing": [f.OfferRang], "talking": [f.OfferAccepted], "wrap_up": [f.OfferAccepted, f.TalkEnded]}
    for kind in steps.get(phase, []):
        play.told(kind, "A")
    assert play.ask("1001", "not_ready", "lunch") == ["1001 then break (lunch)"]
    play.queued("B")
    if phase != "wrap_up":
        play.told(f.OfferAccepted, "A")
        play.told(f.TalkEnded, "A")
    assert play.after(10) == ["1001 wrap_up -> break (lunch)"]


def test_a_kept_break_is_taken_back_by_ready():
    play = Play("1001", wrap_up_s=0)
    play.ready("1001")
    play.queued("A")
    play.answered("A")
    play.ask("1001", "not_ready", "lunch")
    play.ask("1001", "ready")
    assert play.told(f.TalkEnded, "A") == ["1001 talking -> ready"]


def test_a_kept_break_comes_instead_of_a_rest():
    play = Play("1001")
    play.ready("1001")
    play.queued("A")
    play.ask("1001", "not_ready", "lunch")
    assert play.told(f.OfferTimedOut, "A") == ["1001 reserved -> break (lunch)"]


def test_who_logs_out_while_talking_leaves_after_the_talk_without_wrap_up():
    play = Play("1001", wrap_up_s=10)
    play.ready("1001")
    play.queued("A")
    play.answered("A")
    assert play.ask("1001", "log_out") == ["1001 then offline"]
    assert play.told(f.TalkEnded, "A") == ["1001 talking -> offline"]


def test_who_logs_out_while_ringing_has_the_ring_taken_back():
    play = Play("1001", "1002")
    play.ready("1001", "1002")
    play.queued("A")
    assert play.ask("1001", "log_out") == ["1001 then offline", "cancel A"]
    assert play.told(f.OfferRescinded, "A", reason="withdrawn") == ["1001 reserved -> offline"]
    assert play.returned("A")[0] == "offer A 1002"


def test_who_logs_out_while_the_phone_is_answered_still_talks():
    play = Play("1001", wrap_up_s=0)
    play.ready("1001")
    play.queued("A")
    play.ask("1001", "log_out")
    assert play.told(f.OfferAccepted, "A") == ["1001 reserved -> talking"]
    assert play.told(f.TalkEnded, "A") == ["1001 talking -> offline"]


def test_a_phone_that_is_lost_makes_a_ready_agent_unreachable_and_found_ready_again():
    play = Play("1001")
    play.ready("1001")
    assert play.seat("1001", reachable=False) == ["1001 ready -> unreachable (phone_unreachable)"]
    assert play.queued("A") == []
    assert play.seat("1001", reachable=True)[:2] == ["1001 unreachable -> ready", "offer A 1001"]


def test_who_comes_home_without_a_phone_is_unreachable():
    play = Play("1001")
    play.seat("1001", reachable=False)
    assert play.ask("1001", "ready") == ["1001 offline -> unreachable"]


def test_a_lost_phone_does_not_end_a_break_or_a_talk():
    play = Play("1001", "1002", wrap_up_s=0)
    play.ready("1001", "1002")
    play.queued("A")
    play.answered("A")
    play.ask("1002", "not_ready")
    assert play.seat("1001", reachable=False) + play.seat("1002", reachable=False) == []
    assert play.told(f.TalkEnded, "A") == ["1001 talking -> unreachable"]


def test_late_news_of_a_phone_is_ignored():
    play = Play("1001")
    play.ready("1001")
    play.seat("1001")
    assert play.seat("1001", reachable=False, at=play.now - 5) == []
    assert play.state("1001") == "ready"


def test_the_phone_of_nobody_is_ignored():
    assert Play("1001").seat("1999", reachable=False) == []


@pytest.mark.parametrize(
    ("codes", "sounds"),
    [
        (["41", "42", "44"], ["logged-in", "ready", "logged-out"]),
        (["42", "43", "42", "432"], ["ready", "not-ready", "ready", "not-ready"]),
        (["45"], ["refused"]),
        (["42", "45"], ["ready", "refused"]),
        (["42", "439"], ["ready", "refused"]),
        (["42", "47"], ["ready", "refused"]),
    ],
)
def test_a_seat_hears_what_came_of_its_code(codes, sounds):
    play = Play("1001")
    assert [play.dial("1001", code)[-1] for code in codes] == [f"answer {sound}" for sound in sounds]


def test_a_code_from_a_seat_without_an_agent_is_refused():
    assert Play("1001").dial("1002", "42") == ["answer refused"]


def test_a_code_ends_wrap_up():
    play = Play("1001", wrap_up_s=60)
    play.ready("1001")
    play.queued("A")
    play.answered("A")
    play.told(f.TalkEnded, "A")
    assert play.dial("1001", "45") == ["1001 wrap_up -> ready", "answer done"]


def test_the_reason_of_a_break_can_be_dialled():
    assert ask_of_code("432", ("break", "lunch")) == ("not_ready", "lunch")
    assert ask_of_code("433", ("break", "lunch")) is None
    assert ask_of_code("430", ("break", "lunch")) is None


def test_an_agent_can_be_added_and_is_rung():
    play = Play()
    assert play.define(profile("1001")) == ["added 1001"]
    play.ready("1001")
    assert play.queued("A")[0] == "offer A 1001"


def test_a_new_skill_counts_at_once():
    play = Play("1001")
    play.ready("1001")
    play.queued("A", skills=("english",))
    assert play.define(profile("1001", skills=("english",)))[:2] == ["added 1001", "offer A 1001"]


def test_a_changed_agent_leaves_the_queues_he_no_longer_serves():
    from hotline.settings.queues import Queue

    play = Play("1001", queues=(Queue(id="a"), Queue(id="b")))
    play.ready("1001")
    play.define(profile("1001", queues=("b",)))
    assert play.queued("A", "a") == []
    assert play.queued("B", "b")[0] == "offer B 1001"


@pytest.mark.parametrize(
    ("new", "refusal"),
    [
        (profile("1003", extension="1002"), "seat_taken"),
        (profile("1001", extension="1005"), "seat_busy"),
        (profile("1003", queues=("nowhere",)), "unknown_queue"),
    ],
)
def test_a_definition_that_cannot_be_is_refused(new, refusal):
    play = Play("1001", "1002")
    play.ready("1001")
    assert play.define(new) == [f"refused {new.id} {refusal}"]


def test_an_agent_who_is_off_may_take_another_seat():
    play = Play("1001")
    play.define(profile("1001", extension="1005"))
    assert play.dial("1005", "42")[0] == "1001 offline -> ready"
    assert play.dial("1001", "42") == ["answer refused"]
