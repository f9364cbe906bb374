"""Where an agent sits: at one of several phones, or at an external number. Pure.

Whoever logs in from one of his phones sits there: his callers ring there from then on. What was said about the other phones
is kept with the empty seats. A remote agent has no phone that anybody tells of: he can be rung as long as there is a trunk
and the number may be dialled, and while the house may make one more outgoing call. A seat that the house rings for a supervisor,
or that hears a conversation for him, is kept free of callers, also before its phone is said to be in use.
"""

from acd.core.agents.roster import Agent, Held, Profile
from acd.core.agents.states import IN_CALL
from acd.core.floor import Floor
from hotline.dialling import Policy, dialable, permit
from hotline.ids import Extension


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
    look(floor, agent)


def seat_after(agent: Agent, profile: Profile) -> Extension:
    """Return where an agent sits once he has this profile: where he does now, if that is still one of his phones."""
    moved = profile.extension != agent.profile.extension
    return agent.seat if agent.seat in profile.extensions and not moved else profile.extension


def look(floor: Floor, agent: Agent) -> None:
    """Conclude what can be done with an agent's phone from all that is known now."""
    if agent.profile.remote_number:
        agent.seat_node, agent.in_use, agent.cut_off = None, False, False
        agent.reachable = may_ring(agent.profile.remote_number, floor.outbound)
        floor.limit_remote(agent)
    else:
        agent.see_phone(floor.links_down)
        agent.held, agent.last_outgoing = _held(floor, agent), False


def _held(floor: Floor, agent: Agent) -> Held | None:
    """Return why the phone of an agent's seat is not rung, whoever waits, or None."""
    if floor.supervisions.holds(agent.seat, floor.links_down):
        return "supervises"
    if agent.in_use:
        return "phone_in_use"
    return "node_unseen" if agent.cut_off else None


def may_ring(number: str, rules: Policy) -> bool:
    """Return whether an agent may be rung at an external number at all; whether it is too much just now is for whoever dials."""
    refusal = permit(number, rules, now=0.0, customer=False)
    return refusal is None or not refusal.lasting


def external_number(agent: Agent, rules: Policy) -> str:
    """Return the number to be dialled for an agent, in the form in which it is; empty for one who sits at a phone."""
    return dialable(agent.profile.remote_number, rules) if agent.profile.remote_number else ""
