"""Where an agent sits: at one of several phones, or at an external number. Pure.

Whoever logs in from one of his phones sits there: his callers ring there from then on. What was said about the other phones
is kept with the empty seats. A remote agent has no phone that anybody tells of: he can be rung as long as there is a trunk
and the number may be dialled.
"""

from collections.abc import Container

from acd.core.agents.roster import Agent, Profile
from acd.core.agents.states import IN_CALL
from acd.core.floor import Floor
from hotline.dialling import Policy, dialable, permit
from hotline.ids import Extension, NodeId


def sit(floor: Floor, agent: Agent, extension: Extension) -> str | None:
    """Let an agent sit at one of his phones; return the name of the refusal if that cannot be."""
    if extension not in agent.profile.extensions:
        return "unknown_device"
    if extension == agent.seat:
        return None
    if agent.state in IN_CALL:
        return "in_call"
    move_to(floor, agent, extension)
    floor.changed_agents[agent.id] = None
    return None


def move_to(floor: Floor, agent: Agent, extension: Extension) -> None:
    """Let an agent have a phone where nobody sits, with what was said about it; his old one stays behind."""
    if agent.phones:
        floor.empty_seats.put(agent.seat, agent.phones)
    agent.sits_at = extension
    agent.phones = floor.empty_seats.get(extension) or {}
    floor.empty_seats.drop(extension)
    agent.seat_node, agent.reachable, agent.in_use, agent.cut_off = None, True, False, False
    look(agent, floor.links_down, floor.outbound)


def seat_after(agent: Agent, profile: Profile) -> Extension:
    """Return where an agent sits once he has this profile: where he does now, if that is still one of his phones."""
    moved = profile.extension != agent.profile.extension
    return agent.seat if agent.seat in profile.extensions and not moved else profile.extension


def look(agent: Agent, unseen: Container[NodeId], rules: Policy) -> None:
    """Conclude what can be done with an agent's phone; the nodes in `unseen` cannot be seen now."""
    if agent.profile.remote_number:
        agent.seat_node, agent.in_use, agent.cut_off = None, False, False
        agent.reachable = may_ring(agent.profile.remote_number, rules)
    else:
        agent.see_phone(unseen)


def may_ring(number: str, rules: Policy) -> bool:
    """Return whether an agent may be rung at an external number at all; whether it is too much just now is for whoever dials."""
    refusal = permit(number, rules, now=0.0, customer=False)
    return refusal is None or not refusal.lasting


def external_number(agent: Agent, rules: Policy) -> str:
    """Return the number to be dialled for an agent, in the form in which it is; empty for one who sits at a phone."""
    return dialable(agent.profile.remote_number, rules) if agent.profile.remote_number else ""
