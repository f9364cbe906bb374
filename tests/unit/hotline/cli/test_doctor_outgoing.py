"""What the doctor says about outgoing calls."""

import pytest

from hotline.cli.checks import Failed
from hotline.cli.doctor_outgoing import check_outgoing
from hotline.settings import Outbound, Settings
from hotline.settings.queues import Agent

OUT = Outbound(trunk="192.0.2.1:5060", allow=("1",), deny=("19",))
REMOTE = Agent(id="a", extension="1001", remote_number="02155")


def test_without_a_trunk_nothing_is_dialled_and_nothing_is_wrong() -> None:
    assert check_outgoing(Settings()) == "none: no trunk is set"


def test_it_says_what_may_be_dialled() -> None:
    assert check_outgoing(Settings(outbound=OUT)) == "over 192.0.2.1:5060: numbers that begin with 1, but not 19"


def test_it_says_how_many_calls_remote_agents_share() -> None:
    agents = (REMOTE.model_copy(update={"remote_number": "13800138000"}),)
    said = check_outgoing(Settings(outbound=OUT).model_copy(update={"agents": agents}))
    assert said.endswith("; at most 20 at once and 200 an hour, those to agents at external numbers (here 1) included")


def test_a_trunk_over_which_nothing_may_be_dialled_is_found() -> None:
    with pytest.raises(Failed, match="no number may be dialled"):
        check_outgoing(Settings(outbound=Outbound(trunk="192.0.2.1:5060")))


def test_a_remote_agent_who_can_never_be_rung_is_found() -> None:
    settings = Settings(outbound=OUT).model_copy(update={"agents": (REMOTE,)})
    with pytest.raises(Failed, match="agent a has an external number"):
        check_outgoing(settings)
