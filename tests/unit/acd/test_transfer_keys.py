"""What an agent keys in while he talks: which keys are a code, and what the router makes of it."""

import pytest

from hotline import commands as c
from hotline import facts as f
from hotline.dialling import Policy
from hotline.ids import CallId, OfferId
from hotline.transfers import Keyed, press
from tests.unit.acd.play import NODE, Play
from tests.unit.acd.test_transfers import consulting, served


def spelled(keys: str) -> list[Keyed]:
    so_far, codes = "", []
    for key in keys:
        so_far, code = press(so_far, key)
        codes += [code] if code is not None else []
    return codes


@pytest.mark.parametrize(
    ("keys", "codes"),
    [
        ("*1", [Keyed("hold")]),
        ("12*5*", [Keyed("swap")]),
        ("*21002#", [Keyed("consult", "1002")]),
        ("*3*313800138000#", [Keyed("transfer", "13800138000")]),
        ("*6*8*9", [Keyed("conference"), Keyed("complete"), Keyed("cancel")]),
        ("*43#*462#", [Keyed("feature", "3"), Keyed("feature", "62")]),
        ("*43", []),
        ("*2#", []),
        ("*71", []),
        ("*2A12#", []),
        ("4111111111111111#", []),
        ("*3" + "1" * 30 + "#", []),
    ],
)
def test_a_code_is_a_star_a_key_and_whom_it_is_about(keys: str, codes: list[Keyed]) -> None:
    assert spelled(keys) == codes


def keyed(play: Play, keys: str, offer: OfferId | None = None) -> list[str]:
    (code,) = spelled(keys)
    offer_id = offer or play.last_offer("A")
    return play.give(
        f.AgentKeyed(at=play.now, node=NODE, call_id=CallId("A"), offer_id=offer_id, step=code.step, digits=code.digits)
    )


def test_the_hold_key_takes_back_too() -> None:
    play = served()
    assert keyed(play, "*1") == ["hold A"]
    play.told(f.HoldBegan, "A")
    assert keyed(play, "*1") == ["retrieve A"]


def test_digits_are_an_agent_or_his_seat_or_a_queue_or_else_a_number() -> None:
    assert "transfer A agent:2" in keyed(served(), "*32#")
    assert "transfer A queue:q" in keyed(served(), "*301#")
    play = served()
    play.router.floor.outbound = Policy(trunk="x", allow=("1",))
    assert "transfer A number:13800138000" in keyed(play, "*313800138000#")


@pytest.mark.parametrize("keys", ["*302#", "*300#", "*31#", "*5", "*8", "*31380013800#", "*2301#"])
def test_what_cannot_be_done_is_heard(keys: str) -> None:
    assert keyed(served(), keys) == ["beep A"]


def test_feature_codes_work_in_a_conversation_with_a_sign_behind_them_and_take_effect_when_it_is_over() -> None:
    play = served(outcome_required=True)
    play.router.floor.outcomes = ("resolved",)
    assert keyed(play, "*432#") == ["1 then break (lunch)"]
    assert keyed(play, "*42#") == ["1 then nothing"]
    assert keyed(play, "*44#") == ["1 then offline"]
    assert keyed(play, "*461#") == ["outcome of A resolved by 1"]
    assert play.told(f.TalkEnded, "A", play.last_offer("A"))[-1] == "1 talking -> offline"


@pytest.mark.parametrize("keys", ["*439#", "*47#", "*469#", "*45#", "*40#"])
def test_a_feature_code_that_is_none_or_cannot_be_is_heard(keys: str) -> None:
    assert keyed(served(), keys) == ["beep A"]


def test_a_seat_of_ours_is_no_number_outside() -> None:
    play = served()
    play.router.floor.outbound = Policy(trunk=True, allow=("2", "3"), digits_min=1)
    assert "transfer A number:3" in play.wants("1", "transfer", "number:3")
    assert play.wants("1", "transfer", "number:2") == ["refused 1 own_number"]


def test_of_two_who_are_asked_only_the_first_has_keys() -> None:
    play = consulting()
    assert keyed(play, "*9", play.consulted("A")) == ["beep A"]
    assert keyed(play, "*5") == ["swap A"]


def test_keys_of_a_conversation_that_is_over_mean_nothing() -> None:
    play = served()
    offer = play.last_offer("A")
    play.told(f.TalkEnded, "A")
    assert keyed(play, "*1", offer) == []
    assert play.router.floor.ignored["late_keys"] == 1


def test_a_refusal_by_the_network_of_a_beep_is_nothing() -> None:
    play = served()
    keyed(play, "*8")
    assert play.outcome(c.Beep, c.Refused(reason="not_talking")) == []
