"""What `hotline doctor` says about outgoing calls: is there a trunk, what may be dialled over it, and can every remote agent be rung?

What queues dial is judged with the settings themselves.
"""

from collections.abc import Iterator

from hotline import dialling
from hotline.cli.checks import Failed
from hotline.settings import Settings

REMEDY = "set trunk and allow of [outbound], or leave out what dials; see docs/callbacks.md"


def check_outgoing(settings: Settings) -> str:
    """Return what was found about outgoing calls. Raises Failed when something is set up that can never be dialled."""
    rules = dialling.policy(settings)
    problems = list(_remote_agents(settings, rules))
    if rules.trunk and not rules.allow:
        problems.append("there is a trunk, and no number may be dialled (allow is empty)")
    if problems:
        raise Failed("; ".join(problems), REMEDY)
    if not rules.trunk:
        return "none: no trunk is set"
    denied = f", but not {' '.join(rules.deny)}" if rules.deny else ""
    hours = f", customers within [hours.{settings.outbound.opening}]" if settings.outbound.opening else ""
    remote = sum(bool(agent.remote_number) for agent in settings.agents)
    limits = f"; at most {rules.at_once} at once and {rules.per_hour} an hour"
    shared = f"{limits}, those to agents at external numbers (here {remote}) included" if remote else ""
    return f"over {settings.outbound.trunk}: numbers that begin with {' '.join(rules.allow)}{denied}{hours}{shared}"


def _remote_agents(settings: Settings, rules: dialling.Policy) -> Iterator[str]:
    for agent in settings.agents:
        if not agent.remote_number:
            continue
        refusal = dialling.permit(agent.remote_number, rules, now=0.0, customer=False)
        if refusal is not None and refusal.lasting:
            yield f"agent {agent.id} has an external number, and {refusal}"
