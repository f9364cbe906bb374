"""Agents at external numbers, as telephony rings them."""

import pytest

from hotline.commands import Refused, Target
from hotline.ids import AgentId, Extension, OfferId
from telephony.asterisk.config import render
from telephony.groups import OUTSIDE_CONTEXT
from telephony.lines import Lines
from telephony.performance import Plan, plan
from tests.unit.telephony.asterisk import samples
from tests.unit.telephony.test_lines import OFFER, arrive, ring

NUMBER = "13800138000"


def phones(planned: Plan | Refused) -> str:
    assert isinstance(planned, Plan)
    return "".join(a.headers["Value"] for a in planned.actions if "PHONES" in a.headers.get("Variable", ""))


@pytest.fixture
def lines() -> Lines:
    made = Lines("n", ["1001", "1002"])  # type: ignore[arg-type]
    arrive(made)
    return made


def test_a_remote_agent_is_a_group_of_one_that_is_dialled_outside(lines: Lines) -> None:
    planned = plan(ring(number=NUMBER), lines)
    assert phones(planned) == f"Local/1*{NUMBER}*0*15@{OUTSIDE_CONTEXT}"
    assert isinstance(planned, Plan)
    assert planned.actions[-1].headers["Context"] == "hotline-group"


def test_a_remote_agent_may_be_one_of_several(lines: Lines) -> None:
    other = Target(offer_id=OfferId(f"{OFFER}2"), agent_id=AgentId("far"), extension=Extension("1002"), number=NUMBER)
    planned = plan(ring(also=(other,)), lines)
    assert phones(planned) == f"Local/1*1001*0*15@hotline-member&Local/2*{NUMBER}*0*15@{OUTSIDE_CONTEXT}"


@pytest.mark.parametrize("number", ["13800138000&PJSIP/evil", "+8613800138000", "1*2", "${EVIL}", "1" * 21, "１３８"])
def test_what_is_no_number_is_not_dialled(lines: Lines, number: str) -> None:
    assert plan(ring(number=number), lines) == Refused(reason="no_number")
    other = Target(offer_id=OfferId(f"{OFFER}2"), agent_id=AgentId("far"), extension=Extension("1002"), number=number)
    assert plan(ring(also=(other,)), lines) == Refused(reason="no_number")


def test_only_1_lets_a_remote_agent_be_connected_and_nobody_is_told_who_calls() -> None:
    conf = render(samples.plan())["extensions.conf"]
    member = conf.split(f"[{OUTSIDE_CONTEXT}]")[1].split("\n[")[0]
    confirm = conf.split("[hotline-confirm]")[1].split("\n[")[0]
    assert "@hotline-out,,giU(hotline-confirm)" in member
    assert member.index("Set(CALLERID(all)=)") < member.index("Dial(")
    assert 'Set(GOSUB_RESULT=${IF($["${HOTLINE_KEY}" = "1"]?:' in confirm
