"""Surge mode: agents of other departments join a queue at one command."""

import pytest

from acd.core.floor import Output
from acd.core.requests import RequestRefused, SurgeRequest
from acd.core.views import queue_view
from hotline import facts as f
from hotline.ids import AgentId, QueueId
from hotline.settings.queues import Queue
from tests.unit.acd.play import Play, profile

SERVICE, BACK = QueueId("service"), QueueId("back")


def house() -> Play:
    """Agent 1002 is of the back office and helps in service; 1003 serves all queues, but service only in need."""
    queues = (Queue(id="service", surge_agents=("1002", "1003")), Queue(id="back"))
    return Play(profile("1001", queues=("service",)), profile("1002", queues=("back",)), profile("1003"), queues=queues)


def surge(play: Play, on: bool, queue: str = "service") -> list[Output]:
    request = SurgeRequest(at=play.now, queue_id=QueueId(queue), on=on, by="mei")
    return play.router.handle(request, now=play.now)


def serves(play: Play, agent: str) -> set[str]:
    return set(play.router.floor.agents.queues_of(play.router.floor.agents[AgentId(agent)]))


def test_surge_agents_serve_the_queue_only_while_surge_is_on() -> None:
    play = house()
    assert (serves(play, "1002"), serves(play, "1003")) == ({"back"}, {"back"})
    surge(play, True)
    assert (serves(play, "1002"), serves(play, "1003")) == ({"back", "service"}, {"back", "service"})
    surge(play, False)
    assert (serves(play, "1002"), serves(play, "1003")) == ({"back"}, {"back"})


def test_those_who_wait_are_offered_to_them_at_once() -> None:
    play = house()
    play.ready("1002")
    assert play.queued("A", "service") == []
    out = surge(play, True)
    assert [o.agent_id for o in out if isinstance(o, f.OfferMade)] == ["1002"]
    assert [(o.queue_id, o.on, o.by) for o in out if isinstance(o, f.SurgeSwitched)] == [("service", True, "mei")]
    assert {o.agent_id: set(o.queues) for o in out if isinstance(o, f.AgentAdded)}["1002"] == {"back", "service"}


def test_switched_off_they_are_offered_no_more_and_finish_their_calls() -> None:
    play = house()
    play.ready("1002")
    play.queued("A", "service")
    surge(play, True)
    play.answered("A")
    surge(play, False)
    assert play.state("1002") == "talking"
    play.told(f.TalkEnded, "A")
    play.ask("1002", "end_wrap_up")
    assert not [line for line in play.queued("B", "service") if line.startswith("offer")]
    assert "offer C 1002" in play.queued("C", "back")


def test_a_repetition_changes_nothing() -> None:
    play = house()
    surge(play, True)
    assert surge(play, True) == []


@pytest.mark.parametrize(("queue", "reason"), [("nowhere", "unknown_queue"), ("back", "no_surge_agents")])
def test_what_cannot_be_is_refused(queue: str, reason: str) -> None:
    (refused,) = surge(house(), True, queue)
    assert isinstance(refused, RequestRefused)
    assert refused.reason == reason


def test_the_view_shows_it_and_a_new_life_goes_on_with_it() -> None:
    play = house()
    surge(play, True)
    view = queue_view(play.router.floor, SERVICE, play.now)
    assert (view.surge, view.surge_agents) == (True, ("1002", "1003"))
    kept = play.remembered()
    other = house()
    other.router.restore({"surge": kept["surge"]}, now=other.now)
    assert serves(other, "1002") == {"back", "service"}
    surge(other, False)
    assert other.taken("surge") == {"service": None}
