"""What a seat asks for by `*4…`, and what it hears of it. Pure.

A code works from each phone of an agent; `*41` also says that he sits there now. While he talks he keys the same codes in, with a `#` behind
them (`acd.core.talks.keys`): that is all that an agent at an external number has.
"""

from acd.core.agents import after_talk, asking
from acd.core.agents.roster import Agent
from acd.core.floor import Floor
from acd.core.requests import SOUNDS, AgentRequest, OutcomeRequest, Sound, ask_of_code, outcome_of_code
from hotline.commands import AnswerFeature
from hotline.facts import FeatureCodeDialled
from hotline.ids import Extension


def dialled(floor: Floor, signal: FeatureCodeDialled, now: float) -> None:
    """Do what a seat asks for, and let it hear what came of it."""
    agent = floor.agents.at(signal.extension)
    sound = asked(floor, agent, signal.code, now, extension=signal.extension) if agent is not None else "refused"
    floor.ask(AnswerFeature(node=signal.node, session=signal.session, sound=sound))


def asked(floor: Floor, agent: Agent, code: str, now: float, *, extension: Extension | None) -> Sound:
    """Do what a code means for an agent; `extension` is where he dialled it, None during a conversation."""
    outcome = outcome_of_code(code, floor.outcomes)
    meant = ask_of_code(code, floor.break_reasons)
    if outcome is not None:
        said = OutcomeRequest(at=now, agent_id=agent.id, outcome=outcome, by="seat")
        return "done" if after_talk.given(floor, said, now) is None else "refused"
    if meant is None:
        return "refused"
    ask, reason = meant
    request = AgentRequest(at=now, agent_id=agent.id, ask=ask, reason=reason, by="seat", extension=extension)
    return SOUNDS[ask] if asking.requested(floor, request, now) is None else "refused"
