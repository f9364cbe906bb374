"""What a real Asterisk 22 said, read into facts. The transcripts were recorded; see tests/data/ami/README.md."""

from pathlib import Path

import pytest

from hotline.commands import CancelRing, Ring
from hotline.facts import Record, SeatChanged
from telephony.ami.codec import Decoder, Message
from telephony.ami.messages import REQUIRED, AgiStarted, parse
from telephony.lines import Lines
from telephony.performance import plan

DATA = Path(__file__).parents[2] / "data" / "ami"


def messages(name: str) -> list[object]:
    """Return the typed messages of a transcript, in order."""
    lines = (DATA / f"{name}.txt").read_text(encoding="utf-8").split("\n")
    wire = "\r\n".join(line for line in lines if not line.startswith("#")).lstrip("\r\n").encode() + b"\r\n\r\n"
    found = Decoder(required=REQUIRED, expect_banner=False).feed(wire)
    assert all(isinstance(m, Message) for m in found), found
    return [typed for m in found if isinstance(m, Message) and (typed := parse(m)) is not None]


def told(name: str, *, cancel: bool = False) -> list[str]:
    """Replay a transcript against the lines of a node; each call that arrives is rung at seat 1001 at once."""
    heard = messages(name)
    returns = [m.args[2] for m in heard if isinstance(m, AgiStarted) and m.args[0] == "return"]
    lines = Lines("node1", ["1001"])  # type: ignore[arg-type]
    records: list[Record] = []
    for message in heard:
        records += lines.handle(message, now=100.0).records
        if isinstance(message, AgiStarted) and message.args[0] == "arrive" and name != "arrive_caller_leaves":
            call, offer = message.args[1], returns[0] if returns else "unreturned"
            ring = {"node": "node1", "call_id": call, "offer_id": offer}
            plan(Ring(**ring, agent_id="1001", extension="1001", ring_timeout_s=5), lines)  # type: ignore[arg-type]
            if cancel:
                plan(CancelRing(**ring), lines)  # type: ignore[arg-type]
    return [type(r).__name__ for r in records if not isinstance(r, SeatChanged)]


@pytest.mark.parametrize(
    ("transcript", "facts"),
    [
        ("arrive_caller_leaves", ["CallArrived", "CallEnded"]),
        ("ring_busy_at_once", ["CallArrived", "OfferBusy", "CallReturned"]),
        ("ring_declined_at_once", ["CallArrived", "OfferBusy", "CallReturned"]),
        ("ring_then_busy", ["CallArrived", "OfferRang", "OfferRejected", "CallReturned"]),
        ("ring_then_declined", ["CallArrived", "OfferRang", "OfferRejected", "CallReturned"]),
        ("ring_no_answer", ["CallArrived", "OfferRang", "OfferTimedOut", "CallReturned"]),
        ("ring_silent_phone", ["CallArrived", "OfferTimedOut", "CallReturned"]),
        ("ring_error_500", ["CallArrived", "OfferFailed", "CallReturned"]),
        ("ring_unregistered", ["CallArrived", "OfferFailed", "CallReturned"]),
        ("ring_caller_leaves", ["CallArrived", "OfferRang", "OfferRescinded", "CallEnded"]),
        ("ring_answered_seat_hangs_up", ["CallArrived", "OfferRang", "OfferAccepted", "TalkEnded", "CallReturned"]),
        ("talk_caller_leaves", ["CallArrived", "OfferRang", "OfferAccepted", "TalkEnded", "CallEnded"]),
    ],
)
def test_a_recorded_call_gives_its_facts_in_order(transcript: str, facts: list[str]) -> None:
    found = told(transcript)
    if found[-1] == "CallEnded" and facts[-1] == "CallReturned":
        found = found[:-1]  # the recording goes on until the test hung up
    assert found == facts


def test_an_offer_that_we_took_back_is_rescinded_and_the_caller_returns() -> None:
    assert told("ring_rescinded", cancel=True)[:4] == ["CallArrived", "OfferRang", "OfferRescinded", "CallReturned"]


@pytest.mark.parametrize("transcript", ["lease_expired", "release"])
def test_a_call_that_goes_to_the_fallback_queue_is_told(transcript: str) -> None:
    assert "CallFellBack" in told(transcript)
