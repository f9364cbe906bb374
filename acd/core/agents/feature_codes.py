"""What a seat asks for by `*4…`, and what it hears of it. Pure.

A code works from each phone of an agent; `*41` also says that he sits there now.
"""

from acd.core.agents import after_talk, asking
from acd.core.agents.roster import Agent
from acd.core.floor import Floor
from acd.core.requests import SOUNDS, AgentRequest, OutcomeRequest, Sound, ask_of_code, outcome_of_code
from hotline.commands import AnswerFeature
from hotline.facts import FeatureCodeDialled


def dialled(floor: Floor, signal: FeatureCodeDialled, now: float) -> None:
    """Do what a seat asks for, and let it hear what came of it."""
    agent = floor.agents.at(signal.extension)
    sound = _do(floor, agent, signal, now) if agent is not None else "refused"
    floor.ask(AnswerFeature(node=signal.node, session=signal.session, sound=sound))


def _do(floor: Floor, agent: Agent, signal: FeatureCodeDialled, now: float) -> Sound:
    outcome = outcome_of_code(signal.code, floor.outcomes)
    asked = ask_of_code(signal.code, floor.break_reasons)
    if outcome is not None:
        said = OutcomeRequest(at=signal.at, agent_id=agent.id, outcome=outcome, by="seat")
        return "done" if after_talk.given(floor, said, now) is None else "refused"
    if asked is None:
        return "refused"
    ask, reason = asked
    request = AgentRequest(
        at=signal.at, agent_id=agent.id, ask=ask, reason=reason, by="seat", extension=signal.extension
    )
    return SOUNDS[ask] if asking.requested(floor, request, now) is None else "refused"
