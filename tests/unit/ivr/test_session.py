import pytest

from hotline.commands import CommandEnded, Done, Hangup, Play, Release, Remember, StartMusic, Unknown
from hotline.facts import (
    CallerIdentified,
    CallFellBack,
    CallFlowedOut,
    CallQueued,
    OfferAccepted,
    OfferFailed,
    OfferTimedOut,
    Place,
    TalkEnded,
)
from hotline.ids import CustomerId, PlayId, QueueId
from ivr.sessions.session import DUE, TABLE
from ivr.sessions.walk import DIGITS_LIMIT
from ivr.speech.naming import sound_name
from tests.unit.ivr.making import (
    CALL,
    FLOW,
    LENGTH_S,
    NOW,
    Caller,
    adopted,
    arrived,
    flow,
    heard,
    offer_made,
    only,
    results,
)


def waiting_place(**more: object) -> Place:
    return Place(
        **{  # type: ignore[arg-type]
            "flow": "test",
            "flow_version": flow().version,
            "step": "sales",
            "language": "zh",
            "queue_id": QueueId("sales"),
            "entered_at": NOW - 30,
            **more,
        }
    )


# --- prompts and digits


def test_a_call_begins_with_the_prompt_of_the_first_step() -> None:
    assert heard(Caller().last) == [("welcome",)]


def test_a_menu_keeps_its_place_before_it_asks() -> None:
    out = Caller().play_ends()
    assert [type(o).__name__ for o in out] == ["IvrStepTaken", "Remember", "Play"]
    assert only(out, Remember)[0].place == Place(flow="test", flow_version=flow().version, step="menu", language="en")


def test_a_digit_leads_to_its_step() -> None:
    out = Caller().to_menu().press("9")
    assert results(out) == [("menu", "digit:9")]
    assert heard(out) == [("bye",)]


@pytest.mark.parametrize("digit_first", [True, False])
def test_digit_and_end_of_prompt_may_come_in_either_order(digit_first: bool) -> None:
    caller = Caller()
    caller.play_ends()
    prompt = caller.playing.play_id
    if digit_first:
        caller.press("9")
        caller.play_ends("interrupted", prompt)
    else:
        caller.play_ends("interrupted", prompt)
        caller.press("9")
    assert results(caller.all) == [("welcome", "played"), ("menu", "digit:9")]
    assert heard(caller.all) == [("welcome",), ("choose",), ("bye",)]


@pytest.mark.parametrize("digit_first", [True, False])
def test_a_digit_during_the_welcome_chooses_in_the_menu_without_hearing_it(digit_first: bool) -> None:
    caller = Caller()
    welcome = caller.playing.play_id
    if digit_first:
        caller.press("9")
        caller.play_ends("interrupted", welcome)
    else:
        caller.play_ends("interrupted", welcome)
        caller.press("9")
    assert results(caller.all) == [("welcome", "skipped"), ("menu", "digit:9")]
    assert heard(caller.all) == [("welcome",), ("bye",)]


def test_an_interruption_without_a_digit_goes_on_soon() -> None:
    caller = Caller()
    caller.play_ends("interrupted")
    out = caller.deadline_comes()
    assert caller.now - NOW < 0.5
    assert results(out) == [("welcome", "skipped")]


def test_the_hash_key_only_skips_a_prompt() -> None:
    assert heard(Caller().press("#")) == [("choose",)]


def test_a_digit_typed_ahead_that_the_menu_does_not_know_counts_for_nothing() -> None:
    caller = Caller()
    assert results(caller.press("8")) == [("welcome", "skipped")]
    assert heard(caller.last) == [("choose",)]


def test_a_wrong_digit_is_told_and_the_menu_repeated() -> None:
    out = Caller().to_menu().press("7")
    assert results(out) == [("menu", "invalid")]
    assert heard(out) == [("wrong", "choose")]


def test_wrong_digits_beyond_the_repetitions_lead_on() -> None:
    assert heard(Caller().to_menu().press("77"))[-1] == ("bye",)


def test_the_input_timer_starts_when_the_prompt_has_ended() -> None:
    caller = Caller()
    caller.play_ends()
    caller.now += 1.5
    caller.play_ends()
    assert caller.session.next_deadline() == caller.now + 4.0


def test_no_digit_repeats_the_menu_and_then_leads_on() -> None:
    caller = Caller().to_menu()
    assert heard(caller.deadline_comes()) == [("nothing", "choose")]
    caller.play_ends()
    out = caller.deadline_comes()
    assert results(out) == [("menu", "timeout"), ("sales", "queued")]


def test_the_end_of_an_older_prompt_is_ignored_and_counted() -> None:
    caller = Caller()
    old = caller.playing.play_id
    caller.play_ends()
    assert caller.play_ends(play_id=old) == []
    assert caller.play_ends(play_id=PlayId("foreign")) == []
    assert caller.session.ignored["PlayEnded"] == 2


def test_a_prompt_whose_end_nobody_tells_goes_on_after_its_length() -> None:
    caller = Caller()
    out = caller.deadline_comes()
    assert results(out) == [("welcome", "lost")]
    assert caller.now == NOW + LENGTH_S + 3.0


def test_the_time_for_a_digit_counts_from_the_end_that_nobody_told() -> None:
    caller = Caller()
    caller.play_ends()
    caller.deadline_comes()
    assert caller.session.state == "listening"
    assert caller.session.next_deadline() == NOW + LENGTH_S + 4.0


def test_keys_that_no_telephone_has_mean_nothing() -> None:
    caller = Caller().to_menu()
    assert caller.press("ABCD") == []
    assert caller.session.state == "listening"


def test_a_flood_of_digits_is_cut_off() -> None:
    text = (
        "{flow: q, start: a, steps: {a: {kind: play, interrupt: no, prompt: [{sound: x}], next: b}, b: {kind: hangup}}}"
    )
    caller = Caller(of=flow(text))
    assert caller.press("1" * (DIGITS_LIMIT + 50)) == []
    assert caller.session.limits["ivr_digits"] == 50
    assert results(caller.play_ends()) == [("a", "played"), ("b", "ended")]


def test_a_prompt_that_cannot_be_played_is_skipped() -> None:
    caller = Caller()
    out = caller.refused(caller.playing)
    assert results(out) == [("welcome", "failed")]
    assert heard(out) == [("choose",)]


def test_three_prompts_in_a_row_that_cannot_be_played_give_the_caller_away() -> None:
    caller = Caller()
    caller.play_ends("failed")
    caller.play_ends("failed")
    caller.deadline_comes()
    caller.play_ends("failed")
    assert only(caller.last, Release)[0].reason == "prompts_failed"


def test_a_prompt_of_unknown_outcome_is_left_to_its_deadline() -> None:
    caller = Caller()
    assert caller.tell(CommandEnded(command=caller.playing, outcome=Unknown(reason="late"))) == []
    assert caller.play_ends() != []


def test_too_many_steps_give_the_caller_away() -> None:
    caller = Caller().to_menu()
    for _ in range(60):
        caller.session._call.digits = 0
        caller.press("3")
    assert [r.reason for r in only(caller.all, Release)] == ["too_many_steps"]


# --- codes


def to_code() -> Caller:
    caller = Caller().to_menu()
    caller.press("2")
    caller.play_ends()
    return caller


def test_a_code_of_full_length_leads_to_its_step_and_is_not_told() -> None:
    out = to_code().press("1234")
    assert results(out) == [("code", "digits:4"), ("sales", "queued")]


def test_the_terminator_ends_a_shorter_code() -> None:
    assert results(to_code().press("77#")) == [("code", "digits:2")]


def test_time_ends_a_shorter_code_too() -> None:
    caller = to_code()
    caller.press("77")
    assert results(caller.deadline_comes()) == [("code", "digits:2")]


def test_too_short_and_unlisted_codes_are_wrong() -> None:
    assert results(to_code().press("1#"))[0] == ("code", "invalid")
    assert results(to_code().press("99#"))[0] == ("code", "invalid")


def test_a_digit_of_a_code_stops_the_prompt_and_starts_its_own_timer() -> None:
    caller = Caller().to_menu()
    caller.press("2")
    prompt = caller.playing.play_id
    caller.press("1")
    assert caller.play_ends("interrupted", prompt) == []
    assert caller.session.next_deadline() == caller.now + 4.0


# --- language


def identified(language: str) -> CallerIdentified:
    return CallerIdentified(at=NOW, call_id=CALL, customer_id=CustomerId("c1"), name="Li", language=language)


def test_the_language_of_a_known_customer_is_spoken_from_the_next_prompt_on() -> None:
    caller = Caller()
    caller.tell(identified("zh"))
    caller.to_menu().press("1")
    assert heard(caller.last) == [(sound_name("zh", "请稍候"),)]


def test_the_callers_own_choice_goes_before_what_is_known() -> None:
    caller = Caller().to_menu()
    caller.press("3")
    caller.tell(identified("en"))
    assert caller.session.language == "zh"


def test_levels_of_skills_are_asked_for_and_outlive_us() -> None:
    levels = flow(FLOW.replace("skills: [german]", "skills: {german: 3}"))
    out = Caller(of=levels).to_menu().press("1")
    queued, place = only(out, CallQueued)[0], only(out, Remember)[0].place
    assert (queued.skills, queued.levels) == (("german",), (("german", 3),))
    heir = Caller(adopted("session", place, at=NOW + 60), of=levels)
    assert only(heir.last, CallQueued)[0].levels == (("german", 3),)


def test_an_unknown_language_changes_nothing() -> None:
    caller = Caller()
    caller.tell(identified("fr"))
    assert caller.session.language == "en"


# --- the line


def test_the_place_is_kept_and_the_line_joined_before_anything_is_announced() -> None:
    out = Caller().to_menu().press("1")
    assert [type(o).__name__ for o in out] == ["IvrStepTaken", "Remember", "CallQueued", "IvrStepTaken", "Play"]
    queued = only(out, CallQueued)[0]
    assert (queued.queue_id, queued.entered_at, queued.priority, queued.skills) == ("sales", NOW, 5, ("german",))
    place = only(out, Remember)[0].place
    assert (place.step, place.queue_id, place.entered_at, place.priority) == ("sales", "sales", NOW, 5)


def test_the_queues_music_follows_the_announcement() -> None:
    caller = Caller().to_menu()
    caller.press("1")
    assert only(caller.play_ends(), StartMusic)[0].music_class == "jazz"


def test_an_announcement_whose_end_nobody_tells_is_followed_by_music() -> None:
    caller = Caller().to_menu()
    caller.press("1")
    assert only(caller.deadline_comes(), StartMusic)


def test_nothing_is_heard_while_an_offer_rings_and_the_agent_talks() -> None:
    caller = Caller().to_menu()
    caller.press("1")
    announcement = caller.playing.play_id
    assert caller.tell(offer_made("o1")) == []
    assert caller.play_ends("interrupted", announcement) == []
    assert caller.press("1") == []
    (kept,) = caller.offered(OfferAccepted, "o1")
    assert isinstance(kept, Remember)
    assert (kept.place.served, kept.place.queue_id) == (True, None)
    assert caller.session.next_deadline() is None


def test_an_unanswered_offer_brings_the_music_back_and_no_second_entry() -> None:
    caller = Caller().to_queue()
    caller.tell(offer_made("o1"))
    caller.offered(OfferTimedOut, "o1")
    out = caller.returned("o1", answered=False)
    assert [type(o) for o in out] == [StartMusic]


def test_the_return_from_an_older_offer_is_ignored_while_a_newer_one_rings() -> None:
    caller = Caller().to_queue()
    caller.tell(offer_made("o1"))
    caller.tell(offer_made("o2"))
    assert caller.returned("o1", answered=False) == []
    assert caller.session.state == "ringing"


def test_news_of_an_offer_that_ended_does_not_ring_again() -> None:
    caller = Caller().to_queue()
    caller.tell(offer_made("o1"))
    caller.returned("o1", answered=False)
    caller.tell(offer_made("o1"))
    assert caller.session.state == "waiting"
    assert caller.returned("o1", answered=False) == []


def test_a_ring_that_was_refused_leaves_the_caller_with_music() -> None:
    caller = Caller().to_menu()
    caller.press("1")
    caller.tell(offer_made("o1"))
    caller.offered(OfferFailed, "o1", reason="refused")
    assert [type(o) for o in caller.deadline_comes()] == [StartMusic]
    assert caller.now - NOW < 5


def test_after_the_conversation_the_flow_goes_on_and_forgets_the_line() -> None:
    caller = Caller().to_queue()
    caller.tell(offer_made("o1"))
    caller.offered(OfferAccepted, "o1")
    out = caller.returned("o1", answered=True)
    assert heard(out) == [("survey",)]
    assert all(r.place.queue_id is None for r in only(out, Remember))
    assert only(out, Remember)


def test_a_conversation_whose_end_is_told_but_not_the_return_goes_on_too() -> None:
    caller = Caller().to_queue()
    caller.tell(offer_made("o1"))
    caller.offered(OfferAccepted, "o1")
    caller.offered(TalkEnded, "o1")
    assert heard(caller.deadline_comes()) == [("survey",)]
    assert caller.returned("o1", answered=True) == []


def test_the_repeated_return_of_a_served_caller_does_not_serve_him_again() -> None:
    caller = Caller().to_queue()
    caller.tell(offer_made("o1"))
    caller.returned("o1", answered=True)
    caller.press("2")
    assert caller.session.step == "sales"
    assert caller.returned("o1", answered=True) == []


def test_without_a_step_after_the_queue_we_hang_up() -> None:
    caller = Caller(of=flow(QUEUE_ONLY))
    caller.tell(offer_made("o1"))
    assert only(caller.returned("o1", answered=True), Hangup)


QUEUE_ONLY = "{flow: q, start: a, steps: {a: {kind: queue, queue: sales}}}"


def test_music_that_does_not_start_is_tried_again() -> None:
    caller = Caller().to_queue()
    caller.refused(only(caller.all, StartMusic)[-1])
    assert [type(o) for o in caller.deadline_comes()] == [StartMusic]
    caller.tell(CommandEnded(command=only(caller.all, StartMusic)[-1], outcome=Done()))
    assert caller.session.next_deadline() is None


def flowed_out(caller: Caller, reason: str, entered_at: float = NOW) -> list[object]:
    fact = CallFlowedOut(at=caller.now, call_id=CALL, queue_id=QueueId("sales"), entered_at=entered_at, reason=reason)
    return caller.tell(fact)


def test_a_caller_whom_the_router_lets_go_is_given_away_if_the_router_does_not() -> None:
    caller = Caller().to_queue()
    assert not only(flowed_out(caller, "full"), Release)
    assert only(caller.deadline_comes(), Release)


def test_a_caller_whom_the_router_gave_away_needs_nothing_more() -> None:
    caller = Caller().to_queue()
    flowed_out(caller, "full")
    caller.tell(CallFellBack(at=NOW, call_id=CALL, reason="not_handled"))
    assert caller.session.next_deadline() is None


def test_moving_between_queues_and_older_stays_change_nothing() -> None:
    caller = Caller().to_queue()
    assert flowed_out(caller, "moved") == []
    assert flowed_out(caller, "full", entered_at=NOW - 99) == []
    assert caller.session.state == "waiting"


# --- the end


def test_a_caller_who_hangs_up_in_a_menu_leaves_a_trace_and_nothing_else_follows() -> None:
    caller = Caller().to_menu()
    assert results(caller.ended()) == [("menu", "hungup")]
    assert caller.ended() == []
    assert caller.press("1") == []
    assert caller.session.next_deadline() is None


def test_a_goodbye_is_played_to_its_end_and_then_we_hang_up() -> None:
    caller = Caller().to_menu()
    caller.press("9")
    assert caller.playing.interrupt == ""
    assert only(caller.play_ends(), Hangup)
    assert caller.session.state == "leaving"


def test_a_release_step_gives_the_caller_away() -> None:
    assert only(Caller().to_menu().press("0"), Release)[0].reason == "operator"


def test_music_that_is_refused_again_and_again_is_still_tried() -> None:
    caller = Caller().to_queue()
    for _ in range(15):
        caller.refused(only(caller.all, StartMusic)[-1])
        assert only(caller.deadline_comes(), StartMusic)


def test_a_refused_farewell_is_sent_again() -> None:
    caller = Caller().to_menu()
    caller.press("0")
    release = only(caller.all, Release)[0]
    caller.refused(release)
    assert caller.deadline_comes() == [release]


def test_every_state_has_its_reactions_and_what_its_deadline_means() -> None:
    assert set(DUE) == set(TABLE) - {"ended"}


def test_a_repeated_arrival_begins_nothing() -> None:
    assert Caller().tell(arrived()) == []


# --- adoption


def test_an_adopted_caller_in_the_line_hears_its_music_and_is_told_as_queued_since_his_first_entry() -> None:
    place = waiting_place()
    caller = Caller(adopted("session", place, at=NOW + 60))
    queued, music = caller.last
    assert isinstance(queued, CallQueued)
    assert (queued.queue_id, queued.entered_at) == (place.queue_id, place.entered_at)
    assert (queued.priority, queued.skills, queued.language) == (place.priority, place.skills, "zh")
    assert isinstance(music, StartMusic)
    assert (music.music_class, caller.session.language) == ("jazz", "zh")


def test_an_adopted_caller_in_the_line_stays_there_although_the_flow_has_changed() -> None:
    caller = Caller(adopted("session", waiting_place(flow_version="0" * 12, step="gone")))
    assert [type(o) for o in caller.last] == [CallQueued, StartMusic]
    caller.tell(offer_made("o1"))
    assert only(caller.returned("o1", answered=True), Hangup)


def test_an_adopted_caller_who_was_served_goes_on_with_the_flow_and_not_into_the_line() -> None:
    caller = Caller(adopted("session", Place(flow="test", flow_version=flow().version, step="sales", served=True)))
    assert heard(caller.last) == [("survey",)]


def test_an_adopted_caller_who_was_served_by_a_flow_that_changed_is_let_go() -> None:
    place = Place(flow="test", flow_version="0" * 12, step="gone", served=True)
    assert only(Caller(adopted("session", place)).last, Hangup)


def test_an_adopted_caller_in_a_menu_hears_it_again() -> None:
    caller = Caller(adopted("session", Place(flow="test", flow_version=flow().version, step="survey", language="zh")))
    assert heard(caller.last) == [("survey",)]


@pytest.mark.parametrize(
    "place",
    [
        None,
        Place(flow="test", flow_version="0" * 12, step="survey"),
        Place(flow="other", flow_version=flow().version, step="survey"),
        Place(flow="test", flow_version=flow().version, step="no_such_step"),
    ],
)
def test_an_adopted_caller_without_a_known_place_begins_anew(place: Place | None) -> None:
    assert heard(Caller(adopted("session", place)).last) == [("welcome",)]


@pytest.mark.parametrize("phase", ["ringing", "talking"])
def test_a_caller_adopted_with_an_agent_is_left_alone_until_he_returns(phase: str) -> None:
    caller = Caller(adopted(phase, waiting_place(), offer="o1"))
    assert caller.last == []
    assert caller.session.state == phase
    out = caller.returned("o1", answered=phase == "talking")
    assert heard(out) == [("survey",)] if phase == "talking" else [type(o) for o in out] == [StartMusic]


def test_a_caller_adopted_while_it_rang_without_a_place_begins_anew_when_he_returns() -> None:
    caller = Caller(adopted("ringing", None, offer="o1"))
    assert heard(caller.returned("o1", answered=False)) == [("welcome",)]


def test_being_found_again_restarts_the_music_once() -> None:
    caller = Caller().to_queue()
    again = adopted("session", waiting_place(), at=NOW + 9)
    assert [type(o) for o in caller.tell(again)] == [StartMusic]
    assert caller.tell(again) == []


def test_being_found_again_in_a_menu_lets_its_prompt_and_timer_go_on() -> None:
    caller = Caller().to_menu()
    due = caller.session.next_deadline()
    assert caller.tell(adopted("session", None, at=NOW + 9)) == []
    assert caller.session.next_deadline() == due


def test_being_found_back_from_a_ring_whose_end_was_missed_brings_the_music_back() -> None:
    caller = Caller().to_queue()
    caller.tell(offer_made("o1"))
    assert [type(o) for o in caller.tell(adopted("session", None, at=NOW + 9))] == [StartMusic]


def test_play_ids_of_an_adopted_call_differ_from_those_before() -> None:
    first = Caller().playing.play_id
    caller = Caller()
    from ivr.sessions.session import Session

    _, out = Session.start(adopted("session"), flow(), now=NOW + 60)
    assert only(out, Play)[0].play_id not in (first, caller.playing.play_id)
