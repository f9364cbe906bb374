"""Callbacks in the router: who has his turn when, whom that costs nothing, and that nobody is called twice."""

from typing import Any

import msgspec
import pytest

from acd.callbacks.requests import CallbackCancel, CallbackWish
from acd.core import memories
from acd.core.agents.roster import Profile
from acd.core.floor import Output
from acd.core.requests import AgentRequest, QueueRequest
from acd.core.router import Router
from hotline import commands as c
from hotline import facts as f
from hotline.dialling import Policy
from hotline.hours import Hours
from hotline.ids import AgentId, CallbackId, CallId, LegId, NodeId, OfferId, QueueId
from hotline.settings.queues import CallbackPolicy, Queue
from tests.unit.acd import play as plays
from tests.unit.acd.play import NODE, REASONS, START, Play, profile

RULES = Policy(trunk=True, allow=("1",))
NUMBER, OTHER = "13800138000", "13800138001"


def line(output: Output) -> str:
    match output:
        case c.CallOut():
            return f"call {output.call_id} {output.first}"
        case c.Hangup():
            return f"hang up {output.call_id}"
        case f.CallbackAttempted():
            return f"turn {output.callback_id} {output.attempt} {output.agent_id}"
        case f.CallbackPutOff():
            return f"put off {output.callback_id} {output.result}"
        case f.CallbackEnded():
            return f"over {output.callback_id} {output.result} {output.reason}".rstrip()
        case f.CallbackRefused():
            return f"no {output.callback_id} {output.reason}"
        case f.CallbackRequested():
            return f"wish {output.callback_id}"
        case _:
            return plays.line(output)


class Desk(Play):
    """A router with a trunk; only what concerns callbacks and offers is shown."""

    def __init__(
        self,
        *agents: str | Profile,
        rules: Policy = RULES,
        queues: tuple[str, ...] = ("q",),
        opening: dict[str, Hours] | None = None,
        tiers: dict[str, int] | None = None,
        **policy: Any,
    ) -> None:
        self.policy = CallbackPolicy(**policy)
        self.rules = rules
        self.memory: dict[str, bytes | None] = {}
        open_when = next(iter(opening or {}), None)
        made = tuple(Queue(id=q, callback=self.policy, opening=open_when, tiers=tiers or {}) for q in queues)
        super().__init__(*agents, queues=made, house={"outbound": rules, "hours": opening or {}})

    def _take(self, out: list[Output]) -> list[str]:
        self.out = out
        self.sent += [o for o in out if isinstance(o, c.Command)]
        lines = [line(o) for o in out if not isinstance(o, f.AgentStateChanged | f.AgentAdded)]
        return [text for text in lines if not text.startswith("popped")]

    def wish(
        self, name: str = "w", *, waited: float = 60.0, number: str = NUMBER, queue: str = "q", **more: Any
    ) -> list[str]:
        return self.give(
            f.CallbackRequested(
                at=self.now, callback_id=CallbackId(name), queue_id=QueueId(queue), number=number,
                entered_at=self.now - waited, dialled="4000", flow="main", flow_version="1", step="queue", **more,
            )
        )  # fmt: skip

    def there(self, call: str = "w.1") -> list[str]:
        arrived = f.CallArrived(
            at=self.now, call_id=CallId(call), node=NODE, leg=LegId("Local/1;1"), number="4000", origin="callback"
        )
        return self.give(arrived)

    def dialled(self, result: Any, call: str = "w.1") -> list[str]:
        return self.give(f.CustomerDialled(at=self.now, call_id=CallId(call), result=result))

    def sighted(
        self, customer: str = "", *, call: str = "w.1", phase: str = "session", offer: str = ""
    ) -> f.CallAdopted:
        """Return what a look at the node shows of a call."""
        place = next((o for o in self.sent if isinstance(o, c.CallOut) and o.call_id == call), None)
        return f.CallAdopted(
            at=self.now, call_id=CallId(call), node=NODE, leg=LegId("Local/1;1"), phase=phase, number="4000",  # type: ignore[arg-type]
            place=place.place if place is not None else None, customer=customer, offer_id=OfferId(offer) if offer else None,  # type: ignore[arg-type]
        )  # fmt: skip

    def left(self, agent: str, ask: Any = "not_ready") -> list[str]:
        return self.give(AgentRequest(at=self.now, agent_id=AgentId(agent), ask=ask))

    def state(self, agent: str) -> str:
        return str(self.router.floor.agents[AgentId(agent)].state)

    def offer(self) -> OfferId:
        return next(o.offer_id for o in reversed(self.sent) if isinstance(o, c.Ring))

    def accepted_now(self, call: str = "w.1") -> list[str]:
        return self.give(f.OfferAccepted(at=self.now, call_id=CallId(call), offer_id=self.offer()))

    def again(self, *overheard: f.Record) -> "Desk":
        """Return what a new life of the router remembers of this one, and what it overheard before it began."""
        self.memory |= self.router.take_changed(now=self.now)
        kept, _ = memories.read({key: value for key, value in self.memory.items() if value is not None})
        other = Desk.__new__(Desk)
        other.__dict__.update(self.__dict__)
        other.router = Router(
            self.queues, [profile(agent_id) for agent_id in kept["agent"]], epoch="e2", home_node=NODE, break_reasons=REASONS,
            outbound=self.rules,
        )  # fmt: skip
        other.shown = other._take(other.router.restore(kept, now=self.now, overheard=overheard))  # type: ignore[attr-defined]
        return other


@pytest.fixture
def desk() -> Desk:
    return ready(Desk("1001"))


def ready(desk: Desk) -> Desk:
    for agent in desk.router.floor.agents:
        desk.ready(agent.id)
    return desk


# --- his turn -----------------------------------------------------------------------------------------------------------


def test_agent_first_reserves_an_agent_and_rings_him_when_the_call_is_there(desk: Desk) -> None:
    assert desk.wish() == ["turn w 1 1001", "call w.1 agent"]
    assert desk.router.floor.agents[AgentId("1001")].state == "reserved"
    assert desk.there() == ["offer w.1 1001", "ring w.1 1001"]
    assert desk.accepted_now() == []
    assert desk.dialled("answered") == ["over w reached"]


def test_customer_first_rings_the_agent_only_when_the_customer_has_answered() -> None:
    desk = ready(Desk("1001", first="customer"))
    assert desk.wish() == ["turn w 1 1001", "call w.1 customer"]
    assert desk.there() == []
    assert desk.router.floor.agents[AgentId("1001")].state == "reserved"
    assert desk.dialled("answered") == ["offer w.1 1001", "ring w.1 1001"]
    assert desk.accepted_now() == ["over w reached"]


def test_the_offer_is_told_as_one_of_a_callback_with_the_wait_on_the_line_only(desk: Desk) -> None:
    desk.wish(waited=600)
    desk.there()
    made = next(o for o in desk.out if isinstance(o, f.OfferMade))
    assert (made.kind, made.entered_at) == ("callback", desk.now)
    place = next(o for o in desk.sent if isinstance(o, c.CallOut)).place
    assert (place.entered_at, place.since, place.callback) == (desk.now, desk.now - 600, True)


def test_nobody_is_called_while_no_agent_is_free() -> None:
    desk = Desk("1001")
    assert desk.wish() == []
    desk.after(100)
    assert not [o for o in desk.sent if isinstance(o, c.CallOut)]
    assert [text for text in desk.ready("1001") if text.startswith(("turn", "call"))] == [
        "turn w 1 1001",
        "call w.1 agent",
    ]


def test_one_free_agent_is_for_one_customer() -> None:
    desk = ready(Desk("1001"))
    desk.wish("w")
    assert desk.wish("v", number=OTHER) == []


def test_live_and_virtual_callers_share_one_order() -> None:
    desk = Desk("1001", "1002", "1003")
    desk.queued("early", entered_at=START - 100)
    desk.wish("middle", waited=50)
    desk.queued("late", entered_at=START - 10)
    order = [
        text for agent in ("1001", "1002", "1003") for text in desk.ready(agent) if text.startswith(("ring", "call"))
    ]
    assert order == ["ring early 1001", "call middle.1 agent", "ring late 1003"]


def test_an_agent_who_does_not_answer_costs_him_nothing(desk: Desk) -> None:
    desk.wish()
    desk.there()
    desk.give(f.OfferTimedOut(at=desk.now, call_id=CallId("w.1"), offer_id=desk.offer()))
    back = f.CallReturned(at=desk.now, call_id=CallId("w.1"), offer_id=desk.offer(), answered=False)
    desk.give(back)
    callback = desk.router.floor.callbacks.get("w")
    assert callback is not None
    assert callback.attempts == 0
    assert [text for text in desk.after(20) if text.startswith("ring")] == ["ring w.1 1001"]


def test_a_look_at_the_node_from_before_the_call_was_there_does_not_end_its_wait(desk: Desk) -> None:
    desk.wish()
    looked_at = desk.now + 0.1
    desk.now += 0.2
    desk.there()
    assert desk.snapshot(at=looked_at) == []
    assert "flowed out w.1 not_reached" in desk.snapshot(at=desk.now)


def test_an_agent_without_outgoing_calls_is_not_given_callbacks() -> None:
    desk = Desk("1001")
    agent = desk.router.floor.agents[AgentId("1001")]
    agent.profile = msgspec.structs.replace(agent.profile, outbound=False)
    desk.ready("1001")
    assert desk.wish() == []
    assert desk.queued("A") == ["offer A 1001", "ring A 1001"]


# --- when he is not reached ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["agent", "customer"])
def test_who_is_busy_keeps_his_place_and_is_called_again(first: str) -> None:
    desk = ready(Desk("1001", first=first, retry_after_s=30))
    began = desk.now
    desk.wish(waited=60)
    desk.there()
    if first == "agent":
        desk.accepted_now()
    desk.dialled("busy")
    shown = desk.ended("w.1")
    assert "put off w busy" in shown
    assert not [text for text in shown if text.startswith("abandoned")]
    caller = desk.router.floor.line.get(CallId("w"))
    assert caller is not None
    assert caller.waits_since == began - 60
    desk.ready("1001")
    later = desk.after(31)
    assert [text for text in later if text.startswith(("turn", "call"))] == ["turn w 2 1001", f"call w.2 {first}"]


def test_an_agent_who_hangs_up_while_the_customers_phone_rings_has_used_up_an_attempt() -> None:
    desk = ready(Desk("1001", attempts=2, retry_after_s=30))
    desk.wish()
    desk.there()
    desk.accepted_now()
    shown = desk.ended("w.1")
    assert "put off w agent_left" in shown
    desk.ready("1001")
    assert not [text for text in desk.after(28) if text.startswith("turn")]
    assert [text for text in desk.after(2) if text.startswith("turn")] == ["turn w 2 1001"]
    desk.there("w.2")
    desk.accepted_now("w.2")
    assert "over w failed agent_left" in desk.ended("w.2")


def test_after_the_last_attempt_it_has_failed() -> None:
    desk = ready(Desk("1001", first="customer", attempts=2, retry_after_s=10))
    desk.wish()
    for number in (1, 2):
        desk.there(f"w.{number}")
        desk.dialled("no_answer", f"w.{number}")
        shown = desk.ended(f"w.{number}")
        desk.after(10)
    assert "over w failed no_answer" in shown
    assert len(desk.router.floor.callbacks) == 0
    assert desk.router.floor.agents[AgentId("1001")].state == "ready"


def test_a_customer_who_hangs_up_before_the_agent_is_there_is_not_called_again() -> None:
    desk = ready(Desk("1001", first="customer"))
    desk.wish()
    desk.there()
    desk.dialled("answered")
    shown = desk.ended("w.1")
    assert "over w failed hung_up" in shown
    assert "abandoned w.1 short while ringing" in shown


def test_a_wish_expires_in_the_line() -> None:
    desk = Desk("1001", expires_after_s=100)
    desk.wish()
    assert desk.after(99) == []
    assert desk.after(2) == ["over w expired"]
    assert len(desk.router.floor.line) == 0


def test_a_call_that_cannot_be_made_is_no_attempt_and_frees_the_agent(desk: Desk) -> None:
    desk.wish()
    command = next(o for o in desk.sent if isinstance(o, c.CallOut))
    refused = c.CommandEnded(at=desk.now, command=command, outcome=c.Refused(reason="link_down"))
    assert desk.give(refused) == ["put off w refused"]
    assert desk.router.floor.agents[AgentId("1001")].state == "ready"
    assert desk.after(6)[-1] == "call w.2 agent"
    callback = desk.router.floor.callbacks.get("w")
    assert callback is not None
    assert callback.attempts == 0


def test_a_call_of_which_nothing_is_heard_is_hung_up_and_made_anew(desk: Desk) -> None:
    desk.wish()
    shown = desk.after(7)
    assert shown[:2] == ["hang up w.1", "put off w unknown"]
    assert desk.there("w.1") == ["hang up w.1"]


# --- whom policy protects -----------------------------------------------------------------------------------------------


def test_nobody_is_called_outside_the_hours() -> None:
    desk = ready(Desk("1001", rules=Policy(trunk=True, allow=("1",), opening=Hours(timezone="UTC", weekly={}))))
    assert desk.wish() == []
    assert not [text for text in desk.after(600) if text.startswith("call")]


def test_no_more_are_called_at_once_than_the_limit_says() -> None:
    desk = ready(Desk("1001", "1002", rules=Policy(trunk=True, allow=("1",), at_once=1)))
    assert desk.wish("w")[-1] == "call w.1 agent"
    assert desk.wish("v", number=OTHER) == []
    desk.there("w.1")
    desk.accepted_now()
    desk.dialled("answered")
    assert [text for text in desk.after(15) if text.startswith("call")] == []  # they talk
    desk.ended("w.1")
    assert [text for text in desk.after(15) if text.startswith("call")] == ["call v.1 agent"]


def test_the_limit_holds_for_those_whose_turn_comes_at_the_same_moment() -> None:
    desk = Desk("1001", "1002", rules=Policy(trunk=True, allow=("1",), at_once=1))
    desk.wish("w", waited=90)
    desk.wish("v", number=OTHER)
    for agent in ("1001", "1002"):
        desk.ready(agent)
    assert [o.call_id for o in desk.sent if isinstance(o, c.CallOut)] == ["w.1"]


def test_a_number_has_one_callback_in_a_line(desk: Desk) -> None:
    desk.wish("w")
    assert desk.wish("v") == ["no v already_asked"]


def test_a_number_is_called_by_one_queue_at_a_time() -> None:
    desk = Desk("1001", "1002", queues=("q", "r"))
    ready(desk)
    desk.wish("w")
    assert desk.wish("v", queue="r") == []
    desk.there("w.1")
    desk.accepted_now()
    desk.dialled("answered")
    desk.ended("w.1")
    assert [text for text in desk.after(15) if text.startswith("call")] == ["call v.1 agent"]


def test_without_hours_for_outgoing_calls_those_of_the_queue_count() -> None:
    desk = Desk("1001", opening={"day": Hours(timezone="UTC", weekly={})})
    ready(desk)
    assert desk.wish() == []
    assert not [text for text in desk.after(600) if text.startswith("call")]


def test_nobody_is_called_during_an_emergency() -> None:
    desk = ready(Desk("1001"))
    desk.give(QueueRequest(at=desk.now, queue_id=QueueId("q"), emergency=True, then="hang_up"))
    assert desk.wish() == []
    desk.give(QueueRequest(at=desk.now, queue_id=QueueId("q"), emergency=False))
    assert [text for text in desk.after(11) if text.startswith("call")] == ["call w.1 agent"]


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ({"number": "0049301234567"}, "not_allowed"),
        ({"number": "*21*1#"}, "no_number"),
        ({"number": "138-0013-8000"}, "no_number"),
        ({"number": "13800138000&PJSIP/1001"}, "no_number"),
    ],
)
def test_a_number_that_may_not_be_dialled_is_refused(desk: Desk, wish: dict[str, str], reason: str) -> None:
    assert desk.wish(**wish) == [f"no w {reason}"]  # type: ignore[arg-type]
    assert len(desk.router.floor.line) == 0


def test_a_queue_takes_no_more_wishes_than_its_limit() -> None:
    desk = Desk("1001", max_waiting=1)
    desk.wish("w")
    assert desk.wish("v", number=OTHER) == ["no v full"]


def test_an_operators_wish_is_told_or_refused_at_once(desk: Desk) -> None:
    def wish(number: str) -> CallbackWish:
        asked = f.CallbackRequested(
            at=desk.now, callback_id=CallbackId("x"), queue_id=QueueId("q"), number=number, entered_at=desk.now
        )
        return CallbackWish(at=desk.now, wish=asked)

    assert desk.give(wish("0049301234567")) == ["refused  not_allowed"]
    assert desk.give(wish(NUMBER)) == ["wish x", "turn x 1 1001", "call x.1 agent"]


# --- told late, twice, or after our death -------------------------------------------------------------------------------


def test_a_repeated_wish_changes_nothing(desk: Desk) -> None:
    desk.wish()
    assert desk.wish() == []
    desk.there()
    desk.accepted_now()
    desk.dialled("answered")
    assert desk.wish() == []


def test_a_call_of_an_attempt_that_is_over_is_hung_up(desk: Desk) -> None:
    desk.wish()
    desk.there()
    desk.dialled("busy")
    desk.ended("w.1")
    assert desk.there("w.1") == ["hang up w.1"]
    assert desk.dialled("answered") == []


def test_who_calls_again_has_his_place_at_once_and_no_callback() -> None:
    desk = Desk("1001")
    desk.wish(waited=500)
    desk.arrived("A", caller="+8613800138000")
    assert desk.queued("A") == ["over w cancelled called_again", "resumed A from w"]
    caller = desk.router.floor.line.get(CallId("A"))
    assert caller is not None
    assert caller.waits_since == START - 500


def test_a_supervisor_cancels() -> None:
    desk = Desk("1001")
    desk.wish()
    cancel = CallbackCancel(at=desk.now, callback_id=CallbackId("w"), by="lisa")
    assert desk.give(cancel) == ["over w cancelled lisa"]
    assert desk.give(cancel) == ["refused  no_such_callback"]


def test_a_ringing_callback_is_cancelled_by_its_end(desk: Desk) -> None:
    desk.wish()
    desk.there()
    assert desk.give(CallbackCancel(at=desk.now, callback_id=CallbackId("w"), by="lisa")) == ["hang up w.1"]
    assert "over w cancelled lisa" in desk.ended("w.1")


def test_who_waits_survives_our_death() -> None:
    desk = Desk("1001")
    desk.wish(waited=60)
    other = desk.again()
    caller = other.router.floor.line.get(CallId("w"))
    assert caller is not None
    assert caller.waits_since == START - 60


def test_a_call_that_lives_through_our_death_is_not_made_twice(desk: Desk) -> None:
    desk.wish()
    other = desk.again()
    other.now += 10
    found = f.CallAdopted(
        at=other.now, call_id=CallId("w.1"), node=NODE, leg=LegId("Local/1;1"), phase="session", number="4000",
        place=next(o for o in desk.sent if isinstance(o, c.CallOut)).place,
    )  # fmt: skip
    shown = other.give(f.NodeSurveyed(at=other.now, node=NODE, epoch=0, calls=(found,), seats=()))
    assert not [text for text in shown if text.startswith("call")]
    assert other.router.floor.line.get(CallId("w.1")) is not None
    assert other.router.floor.line.get(CallId("w")) is None


def test_a_call_that_died_with_us_is_made_anew(desk: Desk) -> None:
    desk.wish()
    other = desk.again()
    other.now += 10
    shown = other.give(f.NodeSurveyed(at=other.now, node=NODE, epoch=0, calls=(), seats=()))
    assert "put off w no_agent" in shown
    assert other.router.floor.line.get(CallId("w")) is not None


# --- an agent is about to be free -----------------------------------------------------------------------------------------


def wrapping_up(*agents: str, **policy: Any) -> Desk:
    """Return a desk whose agents have just ended a conversation; they will be free in ten seconds."""
    desk = ready(Desk(*agents, **{"first": "customer", **policy}))
    for number, _ in enumerate(agents):
        desk.queued(f"talk{number}")
        desk.answered(f"talk{number}")
    for number, _ in enumerate(agents):
        desk.ended(f"talk{number}")
    return desk


def test_the_customer_is_dialled_while_an_agent_is_about_to_be_free() -> None:
    desk = wrapping_up("1001")
    assert desk.state("1001") == "wrap_up"
    assert desk.wish() == []
    assert desk.after(2) == ["turn w 1 None", "call w.1 customer"]
    desk.there()
    desk.after(9)
    assert desk.state("1001") == "reserved"  # his wrap-up is over, the customer's phone still rings
    assert desk.dialled("answered") == ["offer w.1 1001", "ring w.1 1001"]
    assert desk.accepted_now() == ["over w reached"]


def test_who_answers_before_an_agent_is_free_is_the_first_in_line() -> None:
    desk = wrapping_up("1001")
    desk.wish(waited=60)
    desk.queued("late", entered_at=desk.now - 10)
    desk.after(2)
    desk.there()
    assert desk.dialled("answered") == []
    assert desk.after(10)[:2] == ["offer w.1 1001", "ring w.1 1001"]
    ended = desk.accepted_now()
    assert ended == ["over w reached"]
    over = next(o for o in desk.out if isinstance(o, f.CallbackEnded))
    assert over.held_s == 10


def test_who_is_busy_when_dialled_ahead_keeps_his_place() -> None:
    desk = wrapping_up("1001")
    desk.wish()
    desk.after(2)
    desk.there()
    desk.dialled("busy")
    assert desk.ended("w.1") == ["put off w busy"]
    assert desk.router.floor.line.get(CallId("w")) is not None
    desk.after(10)
    assert desk.state("1001") == "ready"


def test_who_waits_longer_is_served_before_a_customer_who_is_dialled_ahead() -> None:
    desk = wrapping_up("1001")
    desk.queued("older", entered_at=desk.now - 100)
    desk.wish(waited=60)
    assert desk.after(8) == []  # the agent who is about to be free is for `older`


def test_no_more_are_dialled_ahead_than_agents_are_about_to_be_free() -> None:
    desk = wrapping_up("1001", ahead_s=120)
    desk.wish("w", waited=90)
    desk.wish("v", number=OTHER)
    assert desk.after(5) == ["turn w 1 None", "call w.1 customer"]


@pytest.mark.parametrize("policy", [{"ahead_s": 0}, {"first": "agent"}])
def test_nobody_is_dialled_ahead_where_nobody_wants_that(policy: dict[str, Any]) -> None:
    desk = wrapping_up("1001", **policy)
    desk.wish()
    assert desk.after(8) == []


def test_an_agent_who_has_just_begun_to_talk_is_not_about_to_be_free() -> None:
    desk = ready(Desk("1001", first="customer"))
    desk.queued("talk")
    desk.answered("talk")
    desk.wish()
    assert desk.after(30) == []


# --- who leaves, and what dies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ask", ["not_ready", "log_out"])
def test_an_agent_who_leaves_while_the_customers_phone_rings_goes_at_once_and_the_next_is_kept(ask: str) -> None:
    desk = ready(Desk("1001", "1002", first="customer"))
    desk.left("1002")
    desk.wish()
    desk.there()
    assert desk.left("1001", ask) == []  # nothing is hung up, nothing is cancelled
    assert desk.state("1001") in ("break", "offline")
    desk.ready("1002")
    assert desk.state("1002") == "reserved"
    assert desk.dialled("answered") == ["offer w.1 1002", "ring w.1 1002"]


def test_a_customer_who_answers_just_as_the_agent_leaves_waits_for_the_next_one() -> None:
    desk = ready(Desk("1001", first="customer"))
    desk.wish()
    desk.there()
    desk.left("1001")
    assert desk.dialled("answered") == []
    assert desk.ready("1001")[-2:] == ["offer w.1 1001", "ring w.1 1001"]
    assert desk.accepted_now() == ["over w reached"]


def test_an_agent_who_leaves_before_the_call_is_there_costs_nothing() -> None:
    desk = ready(Desk("1001", "1002"))
    desk.wish()
    desk.left("1001")
    assert desk.there() == ["offer w.1 1002", "ring w.1 1002"]


def test_a_phone_that_rings_through_our_death_rings_on_and_the_agent_stays_kept() -> None:
    desk = ready(Desk("1001", first="customer"))
    desk.wish()
    desk.there()
    other = desk.again()
    other.now += 3
    assert other.surveyed(desk.sighted("dialled")) == []
    assert other.state("1001") == "reserved"
    assert other.dialled("answered") == ["offer w.1 1001", "ring w.1 1001"]


def test_a_customer_who_answered_while_nobody_routed_is_served_at_once() -> None:
    desk = ready(Desk("1001", first="customer"))
    desk.wish()
    desk.there()
    other = desk.again()
    other.now += 3
    assert other.surveyed(desk.sighted("answered")) == ["offer w.1 1001", "ring w.1 1001"]
    assert other.accepted_now() == ["over w reached"]


def test_one_who_was_reached_while_nobody_routed_is_not_called_again() -> None:
    desk = ready(Desk("1001"))
    desk.wish()
    desk.there()
    other = desk.again()
    other.now += 3
    assert "over w reached" in other.surveyed(desk.sighted("answered", phase="talking", offer=desk.offer()))
    assert other.state("1001") == "talking"
    assert not [text for text in other.ended("w.1") if "put off" in text]


def test_without_a_survey_the_kept_agent_is_freed_and_nobody_is_hung_up_on() -> None:
    desk = ready(Desk("1001", first="customer", ring_timeout_s=5))
    desk.wish()
    desk.there()
    other = desk.again()
    assert other.after(20) == []
    assert other.state("1001") == "ready"
    assert other.surveyed(desk.sighted("answered"))[:2] == ["offer w.1 1001", "ring w.1 1001"]


def test_a_call_that_was_given_up_is_hung_up_when_it_is_found() -> None:
    desk = ready(Desk("1001", first="customer"))
    desk.wish()
    desk.after(7)  # nothing was heard of it
    assert desk.give(desk.sighted("dialled")) == ["hang up w.1"]
    assert desk.router.floor.line.get(CallId("w.1")) is None


def test_who_answered_a_call_that_was_given_up_is_served_all_the_same() -> None:
    desk = ready(Desk("1001", first="customer"))
    desk.wish()
    desk.after(7)
    assert desk.give(desk.sighted("answered")) == ["offer w.1 1001", "ring w.1 1001"]
    assert desk.router.floor.line.get(CallId("w")) is None


def test_a_call_of_a_callback_that_is_over_is_hung_up_unless_somebody_is_there() -> None:
    desk = Desk("1001")
    desk.wish()
    desk.give(CallbackCancel(at=desk.now, callback_id=CallbackId("w"), by="lisa"))
    assert desk.give(desk.sighted("waits", call="w.1")) == ["hang up w.1"]
    assert desk.give(desk.sighted("answered", call="w.1")) == []


def test_who_calls_again_while_his_callback_is_made_has_his_place_and_no_callback(desk: Desk) -> None:
    desk.wish(waited=500)
    desk.there()
    desk.arrived("A", caller=NUMBER)
    assert desk.queued("A") == ["hang up w.1", "resumed A from w"]
    assert "over w cancelled called_again" in desk.ended("w.1")


def test_a_wish_that_a_router_lost_is_taken_up_under_a_new_name(desk: Desk) -> None:
    wish = f.CallbackRequested(
        at=desk.now, callback_id=CallbackId("w"), queue_id=QueueId("q"), number=NUMBER, entered_at=desk.now
    )
    assert desk.give(f.CallbackPending(at=desk.now, wish=wish, calls=2))[-1] == "call w.3 agent"


def test_he_is_called_from_another_node_when_his_own_cannot_be_reached() -> None:
    desk = Desk("1001")
    for node in (NODE, NodeId("other")):
        desk.give(f.NodeSurveyed(at=desk.now, node=node, epoch=0, calls=(), seats=()))
    desk.wish(node=NODE)
    desk.give(f.LinkChanged(at=desk.now, node=NODE, up=False))
    desk.ready("1001")
    assert [o.node for o in desk.sent if isinstance(o, c.CallOut)] == ["other"]


def test_a_call_on_a_node_that_does_not_come_back_is_made_anew() -> None:
    desk = ready(Desk("1001", "1002"))
    desk.wish()
    desk.there()
    desk.give(f.LinkChanged(at=desk.now, node=NODE, up=False))
    assert "put off w no_agent" in desk.after(90)
    assert desk.router.floor.line.get(CallId("w")) is not None


def test_what_gave_the_caller_his_place_is_kept() -> None:
    desk = Desk("1001", tiers={"gold": 50})
    desk.arrived("A", caller=NUMBER)
    desk.identified("A", tier="gold")
    desk.wish(of_call="A")
    other = desk.again()
    other.router.floor.queues[QueueId("q")] = desk.queues[0]
    waiting = other.router.floor.line.get(CallId("w"))
    assert waiting is not None
    assert waiting.tier == "gold"


def test_a_callback_is_cancelled_while_the_agent_hears_the_customers_phone_ring(desk: Desk) -> None:
    desk.wish()
    desk.there()
    desk.accepted_now()
    assert desk.give(CallbackCancel(at=desk.now, callback_id=CallbackId("w"), by="lisa")) == ["hang up w.1"]
    assert "over w cancelled lisa" in desk.ended("w.1")


def test_one_who_has_answered_is_not_cut_off_by_a_cancellation() -> None:
    desk = ready(Desk("1001", first="customer"))
    desk.wish()
    desk.there()
    desk.dialled("answered")
    cancel = CallbackCancel(at=desk.now, callback_id=CallbackId("w"), by="lisa")
    assert desk.give(cancel) == ["refused  talking"]


def test_a_customer_who_presses_a_key_while_he_waits_on_the_line_has_not_hung_up() -> None:
    desk = wrapping_up("1001")
    desk.wish()
    desk.after(2)
    desk.there()
    desk.dialled("answered")
    waiting = desk.router.floor.line.get(CallId("w.1"))
    assert waiting is not None
    left = f.CallFlowedOut(
        at=desk.now, call_id=CallId("w.1"), queue_id=QueueId("q"), entered_at=waiting.entered_at, reason="key", treatment="voicemail"
    )  # fmt: skip
    desk.give(left)
    assert desk.ended("w.1") == ["over w failed flowed_out"]


def test_the_limit_of_an_hour_holds_across_our_death() -> None:
    desk = ready(Desk("1001", rules=Policy(trunk=True, allow=("1",), per_hour=1), retry_after_s=10))
    desk.wish()
    desk.there()
    desk.dialled("busy")
    desk.ended("w.1")
    other = desk.again()
    assert not [text for text in other.after(60) if text.startswith("call")]
    assert [text for text in other.after(3600) if text.startswith("call")] == ["call w.2 agent"]
