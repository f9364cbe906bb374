"""Rings of several phones, message by message: who is told what, once; and what a snapshot shows of them."""

from typing import Any

import pytest

from hotline import facts as f
from hotline.commands import CancelRing, Refused, Target
from telephony import groups
from telephony.adoption import reconcile
from telephony.ami import messages as m
from telephony.lines import Lines
from telephony.performance import Plan, plan
from tests.unit.telephony.test_adoption import caller, status
from tests.unit.telephony.test_lines import CALL, CALLER, OFFER, agi, arrive, bridge, hang_up, on, ring

IDS = [OFFER, f"{CALL}.1.2", f"{CALL}.1.3"]


def locals_of(n: int) -> tuple[str, str]:
    name = f"Local/{n}*100{n}*0*15@hotline-member-0000000{n}"
    return f"{name};1", f"{name};2"


def seat(n: int) -> str:
    return f"PJSIP/100{n}-0000000{n}"


class Group:
    """Three phones ring for one caller; messages by a short call."""

    def __init__(self, *rung: int) -> None:
        self.lines = Lines("n", ["1001", "1002", "1003"])  # type: ignore[arg-type]
        arrive(self.lines)
        planned = plan(ring_three(), self.lines)
        assert isinstance(planned, Plan)
        self.plan = planned
        for n in rung or (1, 2, 3):
            self.begin(n)
            self.dial(m.DialBegun, n)
            self.dial(m.DialProgress, n, status="RINGING")

    def give(self, message: Any, now: float = 12.0) -> list[str]:
        """Return what is told, in words: the kind, the number of the offer, and a reason if there is one."""
        told = self.lines.handle(message, now=now).records
        return [" ".join(filter(None, (type(r).__name__, _number(r), str(getattr(r, "reason", ""))))) for r in told]

    def says(self, n: int, **fields: str) -> list[str]:
        fields = {"Call": CALL, "Group": OFFER, "Member": str(n)} | fields
        return self.give(m.UserEventSeen(name="HotlineMember", fields=fields, **on(locals_of(n)[1])))

    def begin(self, n: int) -> list[str]:
        return self.says(n)

    def dial(self, kind: type, n: int, **fields: str) -> list[str]:
        return self.give(kind(channel=locals_of(n)[1], uniqueid="1", dest_channel=seat(n), dest_uniqueid="2", **fields))

    def wins(self, n: int) -> list[str]:
        local = locals_of(n)[0]
        return self.give(
            m.DialEnded(channel=CALLER, uniqueid="1", dest_channel=local, dest_uniqueid="3", status="ANSWER")
        )

    def returns(self, status: str, cause: str = "0") -> list[str]:
        return self.give(agi("return", CALL, OFFER, status, cause))


def _number(record: Any) -> str:
    offer = getattr(record, "offer_id", None)
    return str(IDS.index(offer) + 1) if offer in IDS else ""


def ring_three(**more: object) -> Any:
    also = tuple(
        Target(offer_id=IDS[n - 1], agent_id=f"100{n}", extension=f"100{n}", after_s=(n - 1) * 5.0)  # type: ignore[arg-type]
        for n in (2, 3)
    )
    return ring(also=also, **more)


def test_asterisk_is_told_the_offers_in_short_and_each_phone_with_its_time() -> None:
    headers = {a.headers.get("Variable"): a.headers.get("Value") for a in Group().plan.actions}
    assert headers["HOTLINE_GROUP"] == f"{CALL}.1.&1&2&3"
    assert headers["HOTLINE_PHONES1"] == (
        "Local/1*1001*0*15@hotline-member&Local/2*1002*5*10@hotline-member&Local/3*1003*10*5@hotline-member"
    )
    assert groups.unpack(headers["HOTLINE_GROUP"]) == tuple(IDS)
    assert Group().plan.actions[-1].headers["Context"] == "hotline-group"


def test_fifty_phones_fit_and_no_line_is_longer_than_asterisk_reads() -> None:
    lines = Lines("n", ["1001"])  # type: ignore[arg-type]
    arrive(lines)
    also = tuple(
        Target(
            offer_id=f"{CALL}.t12-18f3a2b4c5d.{1000 + n}", agent_id=str(n), extension=f"{100_000 + n}", after_s=n * 60.0
        )  # type: ignore[arg-type]
        for n in range(49)
    )
    planned = plan(ring(offer_id=f"{CALL}.t12-18f3a2b4c5d.999", also=also), lines)
    assert isinstance(planned, Plan)
    assert max(len(f"Value: {a.headers.get('Value', '')}") for a in planned.actions) < 1000
    longer = tuple(Target(offer_id=f"o{n}" * 20, agent_id=str(n), extension="1001") for n in range(49))  # type: ignore[arg-type]
    lines = Lines("n", ["1001"])  # type: ignore[arg-type]
    arrive(lines)
    assert plan(ring(also=longer), lines) == Refused(reason="too_many_phones")


def test_each_phone_that_rings_is_told_once() -> None:
    group = Group(1)
    assert group.dial(m.DialProgress, 1, status="RINGING") == []
    group.begin(2)
    group.dial(m.DialBegun, 2)
    assert group.dial(m.DialProgress, 2, status="RINGING") == ["OfferRang 2"]


def test_the_winner_is_who_asterisk_took_and_the_others_are_told_that_it_was_somebody_else() -> None:
    group = Group()
    assert group.give(bridge(m.BridgeEntered, seat(3))) == []
    assert group.give(bridge(m.BridgeEntered, seat(2))) == [], "two have answered"
    assert group.wins(3) == []
    lost = ["OfferRescinded 1 answered_elsewhere", "OfferRescinded 2 answered_elsewhere"]
    assert group.give(bridge(m.BridgeEntered, CALLER)) == ["OfferAccepted 3", *lost]


def test_moves_between_bridges_are_no_ends() -> None:
    group = Group()
    group.wins(2)
    group.give(bridge(m.BridgeEntered, seat(2)))
    group.give(bridge(m.BridgeEntered, CALLER))
    for kind, channel in ((m.BridgeLeft, locals_of(2)[1]), (m.BridgeLeft, seat(2)), (m.BridgeEntered, seat(2))):
        assert group.give(bridge(kind, channel)) == []
    assert group.give(hang_up(locals_of(2)[1])) == []
    assert group.give(hang_up(seat(1))) == []
    group.give(bridge(m.BridgeLeft, CALLER))
    assert group.give(hang_up(seat(2))) == ["TalkEnded 2"]
    assert group.lines.by_call[CALL].talk_ended_by == "caller"
    assert group.returns("ANSWER") == ["CallReturned 1"]


@pytest.mark.parametrize(
    ("status", "cause", "told"),
    [("BUSY", "17", "OfferRejected 2"), ("CHANUNAVAIL", "21", "OfferRejected 2"), ("CHANUNAVAIL", "3", "OfferFailed 2 chanunavail"),
     ("NOANSWER", "19", "OfferRejected 2"), ("ANSWER", "16", ""), ("CANCEL", "0", "")],
)  # fmt: skip
def test_a_phone_that_drops_out_has_its_own_ending_at_once(status: str, cause: str, told: str) -> None:
    group = Group()
    assert group.says(2, Status=status, Cause=cause) == ([told] if told else [])
    assert group.says(2, Status=status, Cause=cause) == []


def test_a_phone_in_use_is_told_as_busy() -> None:
    group = Group(1, 3)
    assert group.says(2, Status="BUSY", Cause="17") == ["OfferBusy 2"]


def test_nobody_answers_and_the_cause_of_one_is_not_that_of_all() -> None:
    group = Group(1, 2)
    group.says(2, Status="BUSY", Cause="17")
    assert group.returns("NOANSWER", "17") == ["OfferTimedOut 1", "OfferRescinded 3 withdrawn", "CallReturned 1"]


def test_the_group_is_taken_back_by_its_first_offer_only() -> None:
    group = Group()
    other = plan(CancelRing(node="n", call_id=CALL, offer_id=IDS[1]), group.lines)  # type: ignore[arg-type]
    assert other == Refused(reason="not_ringing")
    assert isinstance(plan(CancelRing(node="n", call_id=CALL, offer_id=OFFER), group.lines), Plan)  # type: ignore[arg-type]
    assert group.returns("RESCINDED") == [*(f"OfferRescinded {n} withdrawn" for n in (1, 2, 3)), "CallReturned 1"]


def test_the_caller_hangs_up() -> None:
    group = Group()
    assert group.give(hang_up(CALLER)) == [*(f"OfferRescinded {n} caller_left" for n in (1, 2, 3)), "CallEnded"]
    assert group.dial(m.DialProgress, 3, status="RINGING") == []


def test_words_of_another_group_or_phone_mean_nothing() -> None:
    group = Group()
    for fields in ({"Group": "other"}, {"Member": "9"}, {"Member": "x"}, {"Call": "gone"}):
        assert group.says(1, Status="BUSY", **fields) == []
    assert Group().returns("ANSWER")[-1] == "CallReturned 1"


# --- snapshots


def group_variables(**more: str) -> dict[str, str]:
    return {"HOTLINE_OFFER": OFFER, "HOTLINE_GROUP": f"{CALL}.1.&1&2&3", "DIALSTATUS": "BUSY"} | more


def phone_status(n: int, bridge: str = "") -> list[m.ChannelStatus]:
    one, two = locals_of(n)
    of_call = {"HOTLINE_OFFER": OFFER, "HOTLINE_MEMBER": str(n)}
    return [
        status(one, "AppDial", bridge="", **of_call),
        status(two, "Dial", **of_call),
        status(seat(n), "AppDial", bridge=bridge, **of_call),
    ]


def shown(lines: Lines, *channels: m.ChannelStatus) -> list[f.Record]:
    lines.moved.clear()
    return reconcile(lines, channels, now=20.0)[:-1]


def test_a_group_that_rings_is_adopted_and_each_phone_recognised() -> None:
    lines = Lines("n", ["1001", "1002", "1003"])  # type: ignore[arg-type]
    at_dial = caller(application="Dial", context="hotline-group", **group_variables())
    (adopted,) = shown(lines, at_dial, *phone_status(1), *phone_status(2))
    assert isinstance(adopted, f.CallAdopted)
    assert (adopted.phase, adopted.offer_id) == ("ringing", OFFER)
    lines.handle(
        m.DialEnded(channel=CALLER, uniqueid="1", dest_channel=locals_of(2)[0], dest_uniqueid="3", status="ANSWER"),
        now=21.0,
    )
    lines.handle(bridge(m.BridgeEntered, seat(2)), now=21.0)
    told = lines.handle(bridge(m.BridgeEntered, CALLER), now=21.0).records
    assert [type(r) for r in told] == [f.OfferAccepted, f.OfferRescinded, f.OfferRescinded]


@pytest.mark.parametrize("bridged", [True, False], ids=["bridged", "on-the-way"])
def test_a_group_that_was_answered_is_adopted_under_the_winners_offer(bridged: bool) -> None:
    lines = Lines("n", ["1001", "1002", "1003"])  # type: ignore[arg-type]
    answered = group_variables(DIALSTATUS="ANSWER", DIALEDPEERNUMBER="2*1002*0*15@hotline-member")
    at_dial = caller(application="Dial", context="hotline-group", bridge="b1" if bridged else "", **answered)
    (adopted,) = shown(lines, at_dial, *phone_status(1), *phone_status(2, "b1" if bridged else ""))
    assert isinstance(adopted, f.CallAdopted)
    assert (adopted.phase, adopted.offer_id) == ("talking", IDS[1])
    assert [type(r) for r in lines.handle(hang_up(seat(2)), now=22.0).records] == [f.TalkEnded]


def test_an_answer_that_was_missed_is_told_with_its_losers() -> None:
    group = Group()
    answered = group_variables(DIALSTATUS="ANSWER", DIALEDPEERNUMBER="3*1003*0*15@hotline-member")
    told = shown(
        group.lines,
        caller(application="Dial", context="hotline-group", bridge="b1", **answered),
        *phone_status(3, "b1"),
    )
    assert [(type(r).__name__, _number(r)) for r in told] == [
        ("OfferAccepted", "3"),
        ("OfferRescinded", "1"),
        ("OfferRescinded", "2"),
    ]
    assert (
        shown(
            group.lines,
            caller(application="Dial", context="hotline-group", bridge="b1", **answered),
            *phone_status(3, "b1"),
        )
        == []
    )


def test_a_return_that_was_missed_is_told_under_the_groups_id() -> None:
    group = Group()
    answered = group_variables(DIALSTATUS="ANSWER", DIALEDPEERNUMBER="2*1002*0*15@hotline-member")
    told = shown(group.lines, caller(**answered))
    assert [(type(r).__name__, _number(r)) for r in told] == [
        ("OfferAccepted", "2"), ("OfferRescinded", "1"), ("OfferRescinded", "3"), ("TalkEnded", "2"), ("CallReturned", "1"),
    ]  # fmt: skip


def test_a_single_ring_after_a_group_is_not_taken_for_one() -> None:
    lines = Lines("n", ["1001"])  # type: ignore[arg-type]
    single = {**group_variables(DIALSTATUS="ANSWER", DIALEDPEERNUMBER="1001"), "HOTLINE_OFFER": f"{CALL}.1.9"}
    (adopted,) = shown(
        lines,
        caller(application="Dial", context="hotline-ring", bridge="b1", **single),
        status(seat(1), "AppDial", bridge="b1", HOTLINE_OFFER=f"{CALL}.1.9"),
    )
    assert isinstance(adopted, f.CallAdopted)
    assert adopted.offer_id == f"{CALL}.1.9"
