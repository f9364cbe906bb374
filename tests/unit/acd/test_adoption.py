"""Gaps: a lost link, a snapshot, our own death."""

from acd.core.offers.book import RESTORED_S, UNSEEN_S
from hotline import facts as f
from hotline.settings.queues import Overflow, Queue
from tests.unit.acd.play import START, Play


def test_nobody_is_offered_while_the_link_is_down():
    play = Play("1001")
    play.link(False)
    play.queued("A")
    assert play.ready("1001") == ["1001 offline -> ready"]


def test_after_the_gap_those_who_live_are_offered_in_their_order():
    play = Play("1001", "1002", "1003")
    for call in "ABC":
        play.queued(call)
        play.now += 1
    play.link(False)
    play.ready("1001", "1002", "1003")
    assert play.snapshot("A", "C") == ["abandoned B"]
    lines = play.link(True)
    assert [text for text in lines if text.startswith("offer")] == ["offer A 1001", "offer C 1002"]


def test_a_caller_is_not_offered_before_a_snapshot_has_shown_him():
    play = Play("1001")
    play.queued("A")
    play.link(False)
    play.ready("1001")
    assert play.link(True) == []
    assert play.snapshot("A")[0] == "offer A 1001"


def test_other_nodes_go_on_while_one_link_is_down():
    play = Play("1001")
    play.arrived("A", "node1")
    play.arrived("B", "node2")
    play.link(False, "node1")
    play.queued("A")
    play.now += 1
    play.queued("B")
    assert "ring B 1001" in play.ready("1001")


def test_late_news_of_a_link_is_ignored():
    play = Play("1001")
    play.link(True)
    play.queued("A")
    play.give(f.LinkChanged(at=START - 1, node="node1", up=False))
    assert "ring A 1001" in play.ready("1001")


def test_an_old_snapshot_says_nothing_about_a_new_caller():
    play = Play()
    play.now += 10
    play.queued("A")
    assert play.snapshot(at=START) == []
    assert play.router.floor.line.length("q") == 1


def test_an_adopted_caller_keeps_his_place_priority_and_skills():
    play = Play("1001")
    play.now += 100
    play.queued("B")
    play.adopted("A", "session", entered_at=START + 5)
    play.adopted("C", "session", entered_at=START + 50, priority=3)
    play.adopted("D", "session", entered_at=START, priority=9, skills=("english",))
    order = [caller.call_id for caller in play.router.floor.line.waiting("q")]
    assert order == ["D", "C", "A", "B"]
    assert "ring C 1001" in play.ready("1001")


def test_a_caller_in_the_menu_is_not_put_into_the_line():
    play = Play("1001")
    play.ready("1001")
    place = f.Place(flow="main", flow_version="1", step="menu")
    adopted = f.CallAdopted(at=play.now, call_id="A", node="node1", leg="x", phase="session", place=place)
    assert play.give(adopted) == []


def test_a_repeated_adoption_changes_nothing():
    play = Play("1001")
    play.ready("1001")
    assert play.adopted("A", "session")[0] == "offer A 1001"
    assert play.adopted("A", "session") == []
    play.ended("A")
    assert play.adopted("A", "session") == []


def test_a_caller_whose_ring_ended_unheard_is_offered_again():
    play = Play("1001")
    play.ready("1001")
    play.queued("A")
    play.after(5)
    lines = play.adopted("A", "session")
    assert lines[:3] == ["unknown A", "1001 reserved -> ready (reconciled)", "offer A 1001"]


def test_a_caller_found_ringing_under_an_unknown_offer_is_offered_when_he_is_back():
    play = Play("1001")
    play.adopted("A", "ringing", offer="A.old.7")
    assert play.ready("1001") == ["1001 offline -> ready"]
    assert play.returned("A", offer="A.old.7")[0] == "offer A 1001"


def test_a_caller_found_ringing_who_is_answered_leaves_the_line():
    play = Play("1001")
    play.adopted("A", "ringing", offer="A.old.7")
    play.told(f.OfferAccepted, "A", "A.old.7")
    assert play.ready("1001") == ["1001 offline -> ready"]
    assert play.ended("A") == []


def test_a_caller_found_in_the_fallback_queue_flows_out():
    play = Play()
    play.queued("A")
    assert play.adopted("A", "fallback") == ["flowed out A fallback"]


def test_a_caller_found_talking_does_not_wait():
    play = Play("1001")
    play.queued("A")
    play.adopted("A", "talking", offer="A.old.7")
    assert play.ready("1001") == ["1001 offline -> ready"]


# --- our own death ---


def test_agents_keep_their_states_through_our_death():
    play = Play("1001", "1002", "1003")
    play.ready("1001", "1002")
    play.ask("1002", "not_ready", "lunch")
    heir = play.reborn()
    assert [heir.state(a) for a in ("1001", "1002", "1003")] == ["ready", "break", "offline"]
    assert heir.out == []
    assert heir.queued("A")[0] == "offer A 1001"


def test_a_wrap_up_goes_on_through_our_death():
    play = Play("1001", wrap_up_s=10)
    play.ready("1001")
    play.queued("A")
    play.answered("A")
    play.told(f.TalkEnded, "A")
    heir = play.reborn()
    assert heir.after(10) == ["1001 wrap_up -> ready (wrap_up_over)"]


def test_a_talk_goes_on_through_our_death():
    play = Play("1001", wrap_up_s=10)
    play.ready("1001")
    play.queued("A")
    play.answered("A")
    heir = play.reborn()
    assert heir.adopted("A", "talking", offer="A.e1.1") == []
    assert heir.snapshot("A") == []
    assert heir.state("1001") == "talking"
    assert heir.told(f.TalkEnded, "A", "A.e1.1") == ["1001 talking -> wrap_up"]


def test_a_talk_that_ended_while_we_were_dead_is_closed_by_the_snapshot():
    play = Play("1001", wrap_up_s=10)
    play.ready("1001")
    play.queued("A")
    play.answered("A")
    heir = play.reborn()
    assert heir.snapshot() == ["1001 talking -> wrap_up"]


def test_a_ring_goes_on_through_our_death():
    play = Play("1001", wrap_up_s=0)
    play.ready("1001")
    play.queued("A")
    heir = play.reborn()
    heir.adopted("A", "ringing", offer="A.e1.1")
    assert heir.told(f.OfferAccepted, "A", "A.e1.1") == ["1001 reserved -> talking"]
    assert heir.told(f.TalkEnded, "A", "A.e1.1") == ["1001 talking -> ready"]


def test_a_ring_that_ended_while_we_were_dead_frees_both():
    play = Play("1001")
    play.ready("1001")
    play.queued("A")
    heir = play.reborn()
    heir.now += 3
    lines = heir.adopted("A", "session")
    assert lines[:3] == ["unknown A", "1001 reserved -> ready (reconciled)", "offer A 1001"]
    assert heir.last_offer("A") == "A.e2.1"


def test_a_ring_of_which_nothing_is_heard_ends_by_its_timer_after_our_death_too():
    play = Play("1001", ring_timeout_s=15)
    play.ready("1001")
    play.queued("A")
    heir = play.reborn()
    assert heir.after(UNSEEN_S - 0.1) == []
    assert heir.after(0.2)[0] == "unknown A"
    assert heir.state("1001") == "rest"


def test_a_ring_whose_node_is_late_to_tell_is_not_over_before_it_has_told():
    play = Play("1001", ring_timeout_s=3)
    play.ready("1001")
    play.queued("A")
    heir = play.reborn()
    assert heir.after(11) == [], "a slow start: he may have answered"
    heir.adopted("A", "talking", offer=play.last_offer("A"))
    assert heir.state("1001") == "talking"


def test_a_ring_of_which_its_node_has_no_word_is_over_soon_after_the_node_has_told():
    play = Play("1001", ring_timeout_s=3)
    play.ready("1001")
    play.queued("A")
    heir = play.reborn()
    heir.now += 11
    heir.snapshot("A")
    assert heir.after(RESTORED_S + 0.1)[0] == "unknown A"


def test_a_ring_that_is_found_after_our_death_has_its_own_clock_again():
    play = Play("1001", ring_timeout_s=3)
    play.ready("1001")
    play.queued("A")
    heir = play.reborn()
    heir.adopted("A", "ringing", offer=play.last_offer("A"))
    heir.snapshot("A")
    assert heir.after(3.9) == []
    assert heir.after(0.2)[0] == "unknown A"


def test_an_agent_remembered_in_a_call_of_which_nothing_is_left_is_free():
    play = Play("1001")
    play.ready("1001")
    play.queued("A")
    play.router.floor.take_changed_offers()
    assert play.reborn().state("1001") == "ready"


def test_a_look_from_before_a_caller_was_moved_to_another_line_still_shows_that_he_lives():
    play = Play(
        "1001", queues=(Queue(id="a", overflow=(Overflow(when="waited", over=5, to="queue:b"),)), Queue(id="b"))
    )
    play.queued("A", "a")
    looked_at = play.now + 4
    assert play.after(5.5)[0].startswith("flowed out A")
    play.link(False)
    play.snapshot("A", at=looked_at)
    play.link(True)
    assert "offer A 1001" in play.ready("1001")


def test_an_old_look_does_not_let_us_forget_what_is_known_of_who_came_later():
    play = Play("1001", tiers={"gold": 5})
    before = play.now - 1
    play.queued("A")
    play.identified("A", tier="gold")
    play.snapshot(at=before)
    assert play.taken("known")["A"].tier == "gold"
