"""What an agent asks for by keys while he talks (`hotline.transfers.press`), and whom the digits mean. Pure."""

from acd.core.agents import feature_codes
from acd.core.agents.roster import Agent
from acd.core.floor import Floor
from acd.core.requests import TransferRequest
from acd.core.talks import transfers
from hotline import dialling
from hotline.commands import Beep
from hotline.facts import AgentKeyed
from hotline.ids import AgentId, Extension

FEATURE_SIGN = "4"
"""The key behind the star of each feature code."""
QUEUE_SIGN = "0"
QUEUE_DIGITS = 3
"""So many digits at most, the sign included, name a queue: `01` is the first one of the settings."""


def keyed(floor: Floor, signal: AgentKeyed, now: float) -> None:
    """Do what an agent keyed in; what cannot be done he hears by a beep."""
    offer = floor.offers.get(signal.offer_id)
    if offer is None or offer.phase != "talking":
        floor.ignore("late_keys")
        return
    if not _done(floor, floor.agents[offer.agent_id], signal, now):
        floor.ask(Beep(node=signal.node, call_id=signal.call_id, offer_id=signal.offer_id))


def _done(floor: Floor, agent: Agent, signal: AgentKeyed, now: float) -> bool:
    if signal.step == "feature":
        code = f"{FEATURE_SIGN}{signal.digits}"
        return feature_codes.asked(floor, agent, code, now, extension=None) != "refused"
    holds = signal.step == "hold" and agent.state == "holding"
    request = TransferRequest(
        at=signal.at,
        agent_id=agent.id,
        ask="retrieve" if holds else signal.step,
        to=destination(floor, signal.digits) if signal.digits else "",
        by="seat",
    )
    return transfers.requested(floor, request, now) is None


def destination(floor: Floor, digits: str) -> str:
    """Return whom keyed digits mean: an agent (his id, or where he sits), a queue, else a number outside."""
    other = _agent(floor, digits)
    if other is not None:
        return f"agent:{other.id}"
    if digits.startswith(QUEUE_SIGN) and len(digits) <= QUEUE_DIGITS:
        names = list(floor.queues)
        number = int(digits)
        return f"queue:{names[number - 1]}" if 1 <= number <= len(names) else ""
    return f"number:{dialling.dialable(digits, floor.outbound)}"


def _agent(floor: Floor, digits: str) -> Agent | None:
    return floor.agents.get(AgentId(digits)) or floor.agents.at(Extension(digits))
