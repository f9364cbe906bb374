"""What becomes of a caller whom his agent handed on."""

from typing import Any

import pytest

from hotline.commands import DialOut, Hangup, Release, Remember, StartMusic
from hotline.dialling import Policy
from hotline.facts import CallQueued, CallReturned, OfferAccepted, OutgoingAnswered, TalkEnded, TransferCompleted
from hotline.ids import AgentId, OfferId, QueueId
from ivr.instead.means import Means
from tests.unit.ivr.making import CALL, Caller, adopted, offer_made, only

FIRST, SECOND = OfferId("o1"), OfferId("o2")


class Served(Caller):
    """A caller who talks with an agent of the queue sales."""

    def __init__(self) -> None:
        super().__init__()
        self.to_queue()
        self.tell(offer_made(FIRST))
        self.tell(OfferAccepted(at=self.now, call_id=CALL, offer_id=FIRST))

    def comes_back(self, transfer: str, **more: Any) -> list[Any]:
        return self.tell(
            CallReturned(
                at=self.now, call_id=CALL, offer_id=FIRST, answered=True, transfer=transfer,
                transferred_by=AgentId("1001"), transfer_queue=QueueId("sales"), **more,
            )
        )  # fmt: skip


def test_to_an_agent_he_waits_in_the_line_he_came_from_for_this_one_alone() -> None:
    out = Served().comes_back("agent:1002")
    (queued,) = only(out, CallQueued)
    assert (queued.queue_id, queued.wanted_agent, queued.wanted_s, queued.transferred_by) == (
        "sales",
        "1002",
        None,
        "1001",
    )
    (remembered,) = only(out, Remember)
    assert (remembered.place.queue_id, remembered.place.wanted_agent) == ("sales", "1002")
    assert only(out, StartMusic)
    assert out.index(remembered) < out.index(queued)


def test_to_a_queue_he_joins_that_line_anew() -> None:
    caller = Served()
    before = only(caller.all, CallQueued)[-1]
    (queued,) = only(caller.comes_back("queue:support"), CallQueued)
    assert (queued.queue_id, queued.wanted_agent, queued.priority) == ("support", None, before.priority)
    assert queued.entered_at == caller.now


def test_to_a_number_it_is_dialled_if_that_is_permitted() -> None:
    caller = Served()
    caller.session._call.means = Means(outbound=Policy(trunk=True, allow=("139",)))
    caller.comes_back("number:13900001111")
    caller.tell(OutgoingAnswered(at=caller.now, call_id=CALL, number="13900001111"))
    assert [d.number for d in only(caller.play_ends(), DialOut)] == ["13900001111"]
    refused = Served()
    assert only(refused.comes_back("number:13900001111"), Release)


@pytest.mark.parametrize("transfer", ["", "nobody", "agent:", "queue:a b"])
def test_without_a_destination_he_goes_on_with_the_flow(transfer: str) -> None:
    assert not only(Served().comes_back(transfer), CallQueued)


def test_after_an_attended_transfer_the_end_of_the_second_conversation_counts() -> None:
    caller = Served()
    caller.tell(TalkEnded(at=caller.now, call_id=CALL, offer_id=FIRST))
    caller.tell(TransferCompleted(at=caller.now, call_id=CALL, offer_id=FIRST, kind="attended", next_offer=SECOND))
    assert caller.session.next_deadline() is None  # he talks on: nothing is due
    assert caller.tell(CallReturned(at=caller.now, call_id=CALL, offer_id=FIRST, answered=True)) == []
    out = caller.tell(CallReturned(at=caller.now, call_id=CALL, offer_id=SECOND, answered=True))
    assert out != []


def test_a_caller_found_handed_on_is_led_on() -> None:
    event = adopted(
        phase="session", transfer="queue:support", transferred_by=AgentId("1001"), transfer_queue=QueueId("sales")
    )
    caller = Caller(event)
    (queued,) = only(caller.all, CallQueued)
    assert queued.queue_id == "support"
    assert not only(caller.all, Hangup)
