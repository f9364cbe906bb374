"""When a router takes the office, keeps it and leaves it: times are set, answers are given, steps are read."""

import pytest

from acd.office.term import CHECK_S, TABLE, Begin, End, EndSession, Hold, LetGo, Look, Question, Step, Take, Term
from hotline.store.standing import Standing

BEAT_S, SILENT_S = 0.5, 1.5
START = 1_000.0
AWAY = None


class Candidate:
    """A term whose clock and office are set by hand. The bus is well unless it is told otherwise."""

    def __init__(self, router: str = "B") -> None:
        self.now = START
        self.term = Term(router, beat_s=BEAT_S, silent_s=SILENT_S, now=START)
        self.asked: Question | None = None
        self.done: list[Step] = []

    def see(self, steps: list[Step]) -> list[Step]:
        for step in steps:
            if isinstance(step, Question):
                assert self.asked is None, "one question at a time"
                self.asked = step
        told = [s for s in steps if not isinstance(s, Question)]
        self.done += told
        return told

    def wake(self, *, after: float = 0.0, bus: bool = True) -> Question | None:
        """Let time pass, then wake it; return what it asks."""
        self.now += after
        if bus:
            self.term.listened(None, self.now)
        self.see(self.term.wake(self.now))
        return self.asked

    def hear(self, router: str, epoch: int) -> list[Step]:
        return self.see(self.term.heard(router, epoch, self.now))

    def answer(self, standing: Standing | None, *, after: float = 0.01) -> list[Step]:
        """Answer the open question; return what follows besides the next question."""
        self.now += after
        question, self.asked = self.asked, None
        assert question is not None
        return self.see(self.term.answered(question, standing, self.now))

    def become_active(self, epoch: int = 1) -> "Candidate":
        self.wake()
        self.answer(free())
        assert isinstance(self.asked, Take)
        assert self.answer(mine(epoch, self.term.router)) == [Begin(epoch=epoch, before="", reason="free")]
        return self

    def follow(self, router: str = "A", epoch: int = 1, session: int = 7) -> "Candidate":
        """Stand by behind an active router whose session has the lock."""
        self.wake()
        self.answer(taken(epoch, router, session))
        self.hear(router, epoch)
        for _ in range(40):
            self.wake(after=0.1)
            self.hear(router, epoch)
            if self.asked is not None:
                assert isinstance(self.asked, Look)
                self.answer(taken(epoch, router, session), after=0.0)
        assert (self.term.state, self.done) == ("standing_by", [])
        return self


def free(epoch: int = 0, holder: str = "") -> Standing:
    return Standing(mine=False, epoch=epoch, holder=holder, session=0)


def taken(epoch: int, holder: str, session: int = 7) -> Standing:
    return Standing(mine=False, epoch=epoch, holder=holder, session=session)


def mine(epoch: int, holder: str = "B") -> Standing:
    return Standing(mine=True, epoch=epoch, holder=holder, session=9)


# --- beginning ---------------------------------------------------------------------------------------------------------


def test_a_fresh_installation_has_a_router_after_two_answers() -> None:
    one = Candidate()
    assert isinstance(one.wake(), Look)
    one.answer(free())
    assert isinstance(one.asked, Take)
    assert one.answer(mine(1)) == [Begin(epoch=1, before="", reason="free")]
    assert one.now - START < 0.1
    assert one.term.is_sure(one.now)


def test_who_was_the_last_router_begins_again_at_once() -> None:
    one = Candidate()
    one.wake()
    one.answer(free(4, "B"))
    assert one.answer(mine(5)) == [Begin(epoch=5, before="B", reason="free")]


def test_after_another_s_term_it_listens_first_whether_he_still_lives() -> None:
    """His database session may be lost although he lives; his agents are known to him."""
    one = Candidate()
    assert SILENT_S <= patience(one, free(4, "A")) < SILENT_S + 0.2
    assert isinstance(one.asked, Take)


def test_a_router_that_hears_another_does_not_even_try() -> None:
    one = Candidate()
    one.wake()
    one.hear("A", 3)
    one.answer(free(3, "A"))
    for _ in range(100):
        one.wake(after=0.1)
        one.hear("A", 3)
        if one.asked is not None:
            assert isinstance(one.asked, Look)
            one.answer(free(3, "A"))
    assert one.term.leader == "A"


def test_who_loses_the_race_follows_the_winner() -> None:
    one = Candidate()
    one.wake()
    one.answer(free())
    assert one.answer(taken(1, "A")) == []
    one.hear("A", 1)
    assert (one.term.state, one.term.newest, one.term.leader) == ("standing_by", 1, "A")


# --- taking over -------------------------------------------------------------------------------------------------------


def patience(one: Candidate, standing: Standing | None = None) -> float:
    """Return how long it hears nobody before it asks anything but who has the office."""
    began = one.now
    while one.now - began < 10 and not isinstance(one.asked, Take | EndSession):
        if one.asked is not None:
            one.answer(standing or taken(1, "A"), after=0.0)
        else:
            one.wake(after=0.05)
    return one.now - began


def test_a_silent_router_s_session_is_ended_and_the_office_taken() -> None:
    one = Candidate().follow()
    assert SILENT_S <= patience(one) < SILENT_S + 0.1
    assert one.asked == EndSession(asked_at=one.now, session=7)
    one.answer(free(1, "A"))
    assert one.asked == Take(asked_at=one.now, above=1)
    assert one.answer(mine(2)) == [Begin(epoch=2, before="A", reason="silence")]


def test_a_dead_router_s_free_lock_is_taken_without_ending_anything() -> None:
    one = Candidate().follow()
    assert patience(one, free(1, "A")) < SILENT_S + 0.2
    assert isinstance(one.asked, Take)


def test_a_beat_of_whatever_term_keeps_it_waiting() -> None:
    one = Candidate().follow(epoch=5)
    for epoch in (5, 3, 6, 2) * 10:
        one.wake(after=SILENT_S - 0.1)
        one.hear("A", epoch)
        if one.asked is not None:
            assert isinstance(one.asked, Look)
            one.answer(taken(6, "A"))
    assert one.done == []


def test_silence_while_our_own_bus_is_cut_off_means_nothing() -> None:
    one = Candidate().follow()
    for _ in range(100):
        one.wake(after=0.1, bus=False)
        if one.asked is not None:
            assert isinstance(one.asked, Look)
            one.answer(taken(1, "A"))


def test_after_our_own_sleep_the_silence_counts_anew() -> None:
    one = Candidate().follow()
    assert not isinstance(one.wake(after=60.0), Take | EndSession)
    assert patience(one) >= SILENT_S - 0.01


def test_an_echo_that_comes_late_does_not_prove_the_silence_before_it() -> None:
    one = Candidate().follow()
    quiet_since = one.now
    one.wake(after=1.4, bus=False)
    one.term.listened(one.now, one.now)  # the broker goes on; the beats that it held may still be on their way
    if one.asked is not None:
        one.answer(taken(1, "A"))
    assert patience(one) > SILENT_S - 0.01
    assert one.now - quiet_since > SILENT_S + 1.3


def test_a_session_that_has_the_lock_only_just_is_not_ended() -> None:
    """It is another candidate's, who will begin a term in a moment."""
    one = Candidate().follow()
    assert patience(one) < SILENT_S + 0.1
    one.answer(taken(1, "A", session=8))
    assert isinstance(one.asked, Look)
    one.answer(taken(2, "C", session=8))
    assert one.asked is None
    one.hear("C", 2)
    assert one.term.leader == "C"


def test_who_has_just_begun_a_term_gets_the_time_to_be_heard() -> None:
    one = Candidate().follow()
    patience(one)
    one.answer(free(2, "C"))  # C has begun, and its session is lost again: PostgreSQL was restarted
    assert patience(one, free(2, "C")) > SILENT_S - 0.2
    assert one.asked == Take(asked_at=one.now, above=2)


def test_a_session_that_has_the_lock_and_begins_nothing_is_ended_too() -> None:
    one = Candidate().follow()
    patience(one)
    one.answer(taken(1, "A", session=8))
    since = one.now
    while not isinstance(one.asked, EndSession):
        if one.asked is not None:
            one.answer(taken(1, "A", session=8), after=0.0)
        else:
            one.wake(after=0.05)
    assert one.now - since >= SILENT_S
    assert one.asked.session == 8


def test_an_office_that_is_away_is_asked_again_and_nothing_begins() -> None:
    one = Candidate().follow()
    patience(one)
    for _ in range(30):
        one.answer(AWAY, after=0.2)
        assert one.wake(after=0.2) is not None
    assert one.done == []
    assert one.term.state == "standing_by"


def test_a_router_that_says_it_stops_needs_no_silence() -> None:
    one = Candidate().follow(epoch=3)
    one.see(one.term.ended(3, one.now))
    if isinstance(one.asked, Look):
        one.answer(free(3, "A"))
    assert isinstance(one.asked, Take)
    one.answer(mine(4))
    assert one.term.state == "active"


def test_the_end_of_an_older_term_is_no_reason_to_begin() -> None:
    one = Candidate().follow(epoch=3)
    one.see(one.term.ended(2, one.now))
    assert one.asked is None


def test_an_answer_that_waited_while_we_slept_does_not_make_us_the_router() -> None:
    one = Candidate().follow()
    patience(one)
    one.answer(free(1, "A"))
    assert isinstance(one.asked, Take)
    assert one.answer(mine(2), after=60.0) == [LetGo()]
    assert one.term.state == "standing_by"


def test_an_office_won_under_a_term_that_is_over_is_let_go() -> None:
    one = Candidate().follow()
    patience(one)
    one.answer(free(1, "A"))
    one.hear("C", 5)
    assert one.answer(mine(2)) == [LetGo()]


def test_answers_to_older_questions_change_nothing() -> None:
    one = Candidate()
    question = one.wake()
    assert question is not None
    one.answer(free())
    assert one.term.answered(question, mine(9), one.now) == []
    assert one.term.state == "new"


# --- keeping -----------------------------------------------------------------------------------------------------------


def kept(one: Candidate, standing: Standing | None, seconds: float = 5.0) -> list[Step]:
    """Answer every question of an active router in the same way; return what it does."""
    began, before = one.now, len(one.done)
    while one.now - began < seconds and one.term.rules:
        if one.asked is not None:
            assert isinstance(one.asked, Hold)
            one.answer(standing, after=0.0)
        else:
            one.wake(after=0.1)
    return one.done[before:]


def test_an_active_router_looks_after_its_lock_twice_a_second() -> None:
    one = Candidate().become_active()
    asked = [isinstance(one.wake(after=0.1), Hold) for _ in range(int(CHECK_S / 0.1) + 1)]
    assert asked[-1]
    assert not asked[0]


@pytest.mark.parametrize(
    "standing",
    [AWAY, mine(1), taken(1, "B", session=4), free(1, "B"), taken(0, "")],
    ids=["away", "held", "somebody-has-the-lock", "lock-free", "term-forgotten"],
)
def test_an_active_router_stays_while_no_term_is_newer(standing: Standing | None) -> None:
    one = Candidate().become_active()
    assert kept(one, standing) == []
    assert one.term.is_sure(one.now)


@pytest.mark.parametrize("standing", [taken(2, "A"), free(2, "A")])
def test_a_newer_term_in_the_table_ends_ours_at_once(standing: Standing) -> None:
    one = Candidate().become_active()
    assert kept(one, standing) == [End(epoch=1, newer=2), LetGo()]
    assert (one.term.state, one.term.epoch, one.term.newest) == ("standing_by", 0, 2)


def test_a_newer_router_s_word_ends_ours_at_once() -> None:
    one = Candidate().become_active()
    assert one.hear("A", 2) == [End(epoch=1, newer=2), LetGo()]
    assert one.hear("A", 2) == []


def test_an_older_router_s_word_and_our_own_change_nothing() -> None:
    one = Candidate().become_active(epoch=5)
    assert one.hear("A", 4) == one.hear("B", 9) == []
    assert one.term.state == "active"


def test_a_node_that_knows_a_newer_term_ends_ours() -> None:
    one = Candidate().become_active()
    assert one.see(one.term.overruled(1, one.now)) == []
    assert one.see(one.term.overruled(7, one.now)) == [End(epoch=1, newer=7), LetGo()]


def test_the_next_term_is_above_every_one_that_was_heard_of() -> None:
    """A database that was restored from a backup counts from a lower number; the nodes do not."""
    one = Candidate().become_active()
    one.see(one.term.overruled(7, one.now))
    while not isinstance(one.asked, Take):
        if one.asked is not None:
            one.answer(free(1, "B"), after=0.0)
        else:
            one.wake(after=0.1)
    assert one.asked.above == 7


def test_a_lock_that_came_to_us_after_we_stepped_down_is_let_go() -> None:
    one = Candidate().become_active()
    one.wake(after=CHECK_S)
    assert isinstance(one.asked, Hold)
    one.hear("A", 2)
    assert one.answer(mine(1)) == [LetGo()]


# --- doubting ----------------------------------------------------------------------------------------------------------


def slept(seconds: float = 60.0) -> Candidate:
    one = Candidate().become_active()
    one.now += seconds
    assert not one.term.is_sure(one.now)
    one.wake()
    return one


def test_who_slept_makes_sure_of_its_office_before_it_decides_anything() -> None:
    one = slept()
    assert (one.term.state, one.term.is_sure(one.now), one.term.rules) == ("doubting", False, True)
    assert isinstance(one.asked, Hold)
    assert one.answer(mine(1)) == []
    assert one.term.is_sure(one.now)


def test_a_short_nap_is_no_reason_to_doubt() -> None:
    assert slept_for(SILENT_S - 0.1).term.state == "active"


def slept_for(seconds: float) -> Candidate:
    one = Candidate().become_active()
    one.wake(after=seconds)
    return one


def test_who_slept_and_was_replaced_steps_down() -> None:
    one = slept()
    assert one.answer(taken(2, "A")) == [End(epoch=1, newer=2), LetGo()]


def test_who_slept_and_cannot_ask_stays() -> None:
    one = slept()
    assert one.answer(AWAY) == []
    assert one.term.is_sure(one.now)


def test_an_answer_from_before_the_sleep_does_not_end_the_doubt() -> None:
    one = Candidate().become_active()
    assert isinstance(one.wake(after=CHECK_S), Hold)
    one.now += 60.0
    one.see(one.term.wake(one.now))
    one.answer(mine(1))
    assert one.term.state == "doubting"
    assert isinstance(one.asked, Hold)
    one.answer(taken(2, "A"))
    assert one.term.state == "standing_by"


def test_the_table_has_no_state_without_a_way_out() -> None:
    states = {state for state, _ in TABLE} | set(TABLE.values())
    assert states == {state for state, _ in TABLE}
