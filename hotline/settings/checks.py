"""Do the settings fit together? References between sections, requirements that nobody meets, circles, settings without effect. Pure.

What one value may be, its type says (`queues`, `kinds`); here is what only several sections together can tell. Each problem has
its place and a remedy. Skills are looked at only where agents are configured: otherwise they are added later, through the API.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import get_args

from hotline import dialling, hours, treatments
from hotline.errors import Misuse
from hotline.settings import Asterisk, Ivr, Settings
from hotline.settings.mistakes import Problem
from hotline.settings.places import Path
from hotline.settings.queues import Agent, Queue

OWN_REASONS = ("logged_in", "no_answer", "phone_busy")
"""Breaks that nobody asks for: after a log-in, after too many rings without an answer, and where a phone lets nobody through."""
PROGRESSIVE = ("ring_progressive",)
SEVERAL = ("ring_all", "ring_progressive")
_ONLY_WITH: Mapping[str, tuple[str, ...]] = {"ring_more_every_s": PROGRESSIVE, "ring_at_once": SEVERAL}
"""Settings of a queue that only some strategies read."""
LANGUAGES: tuple[str, ...] = get_args(Ivr.model_fields["language"].annotation)
"""What call flows can speak, and callers therefore choose."""


def problems(settings: Settings) -> Iterator[Problem]:
    """Yield everything that is wrong between the sections."""
    yield from _queues(settings)
    yield from _agents(settings)
    yield from _numbers(settings)
    yield from _peers(settings.asterisk)
    yield from _hours(settings)
    yield from _network(settings)
    for number, queue in enumerate(settings.queues):
        yield from _queue(settings, queue, ("queues", number))
    yield from _circles(settings)
    yield from _skills(settings)


def _twice(path: Path, label: str, values: list[str], remedy: str) -> Iterator[Problem]:
    """Yield a problem at the last of those that are the same."""
    for value in sorted({v for v in values if values.count(v) > 1}):
        last = len(values) - 1 - values[::-1].index(value)
        yield Problem(path=(*path, last), label=label, text=f"{value} stands twice", remedy=remedy)


# --- who and where ---------------------------------------------------------------------------------------------------------


def _queues(settings: Settings) -> Iterator[Problem]:
    yield from _twice(("queues",), "queues", [q.id for q in settings.queues], "give each queue an id of its own")


def _agents(settings: Settings) -> Iterator[Problem]:
    agents, seats = settings.agents, set(settings.seats.extensions())
    queues = [q.id for q in settings.queues]
    yield from _twice(("agents",), "agents", [a.id for a in agents], "give each agent an id of his own")
    yield from _twice(
        ("agents",), "agents' extensions", [a.extension for a in agents], "give each agent a seat of his own"
    )
    yield from _devices(agents, seats)
    for number, agent in enumerate(agents):
        at: Path = ("agents", number)
        if agent.extension not in seats:
            text = f"{agent.id} sits at {agent.extension}, which is not one of the seats"
            yield Problem(path=(*at, "extension"), label="agents", text=text, remedy=_seats_are(settings))
        for place, queue in enumerate(agent.queues):
            if queue not in queues:
                text = f"{agent.id} serves {queue}, which is not a queue"
                yield Problem(path=(*at, "queues", place), label="agents", text=text, remedy=_choose(queues))
        for queue in set(agent.preference) - set(agent.queues or queues):
            text = f"{agent.id} has a preference for {queue}, which he does not serve"
            remedy = "take it away, or let him serve that queue"
            yield Problem(path=(*at, "preference", queue), label="agents", text=text, remedy=remedy)
        yield from _remote(settings, agent, at)


def _devices(agents: Iterable[Agent], seats: set[str]) -> Iterator[Problem]:
    """Each phone belongs to one agent, and is one of the seats."""
    owner = {a.extension: a.id for a in agents}
    for number, agent in enumerate(agents):
        for place, device in enumerate(agent.devices):
            path: Path = ("agents", number, "devices", place)
            taken_by = owner.setdefault(device, agent.id)
            if device in agent.devices[:place] or device == agent.extension or taken_by != agent.id:
                text = f"{agent.id} has the seat {device}, which {taken_by} has already"
                yield Problem(path=path, label="agents", text=text, remedy="name each seat once")
            elif device not in seats:
                text = f"{agent.id} has the seat {device}, which is not one of the seats"
                yield Problem(path=path, label="agents", text=text, remedy="widen [seats], or name another one")


def _remote(settings: Settings, agent: Agent, at: Path) -> Iterator[Problem]:
    if agent.remote_number:
        text = f"{agent.id} cannot be rung at his remote number"
        yield from _dialled(settings, agent.remote_number, (*at, "remote_number"), text, customer=False)


def _dialled(settings: Settings, number: str, path: Path, text: str, *, customer: bool) -> Iterator[Problem]:
    if settings.outbound.opening not in (None, *settings.hours):
        return  # told by itself
    try:
        rules = dialling.policy(settings)
    except Misuse:
        return  # hours that cannot be read are told by themselves
    refusal = dialling.permit(number, rules, now=0.0, customer=customer)
    if refusal is not None and refusal.lasting:
        yield Problem(path=path, text=f"{text}: {refusal}", remedy="set [outbound] trunk, allow and deny accordingly")


def _seats_are(settings: Settings) -> str:
    seats = settings.seats.extensions()
    return f"use {seats[0]} to {seats[-1]}, or widen [seats]"


def _choose(names: Iterable[str]) -> str:
    known = sorted(names)
    return f"choose one of {', '.join(known[:10])}{' …' if len(known) > 10 else ''}" if known else "add it first"


def _numbers(settings: Settings) -> Iterator[Problem]:
    seats, numbers = set(settings.seats.extensions()), settings.numbers
    called = [n.number for n in numbers.values()]
    for name, number in numbers.items():
        at: Path = ("numbers", name, "number")
        if number.number in seats:
            text = f"{number.number} is also a seat"
            yield Problem(path=at, label="numbers", text=text, remedy="use a number outside of [seats]")
    for number_twice in sorted({n for n in called if called.count(n) > 1}):
        name = [name for name, n in numbers.items() if n.number == number_twice][-1]
        text = f"{number_twice} stands twice"
        yield Problem(path=("numbers", name, "number"), label="numbers", text=text, remedy="one number has one flow")
    for place, seat in enumerate(settings.asterisk.fallback_seats):
        if seat not in seats:
            path: Path = ("asterisk", "fallback_seats", place)
            text = f"{seat} is not a seat"
            yield Problem(path=path, label="asterisk.fallback_seats", text=text, remedy=_seats_are(settings))


def _peers(asterisk: Asterisk) -> Iterator[Problem]:
    at: Path = ("asterisk", "peers")
    yield from _twice(at, "asterisk.peers", [p.node for p in asterisk.peers], "name each other node once")
    addresses = [f"{p.host}:{p.port}" for p in asterisk.peers]
    yield from _twice(at, "asterisk.peers' addresses", addresses, "each node has an address of its own")
    for number, peer in enumerate(asterisk.peers):
        if peer.node == asterisk.node:
            text = f"{peer.node} is this node itself"
            yield Problem(path=(*at, number), label="asterisk.peers", text=text, remedy="name the other ones")


def _hours(settings: Settings) -> Iterator[Problem]:
    for name, opening in settings.hours.items():
        try:
            hours.of_settings(opening)
        except Misuse as exc:
            yield Problem(
                path=("hours", name), text=str(exc), remedy='write days and spans: "mon-fri" = ["09:00-18:00"]'
            )
    yield from _opening(settings, settings.outbound.opening, ("outbound", "opening"))


def _opening(settings: Settings, name: str | None, path: Path) -> Iterator[Problem]:
    if name not in (None, *settings.hours):
        yield Problem(path=path, text=f"there is no [hours.{name}]", remedy=_choose(settings.hours))


def _network(settings: Settings) -> Iterator[Problem]:
    sip = settings.sip
    if sip.host in ("0.0.0.0", "::"):  # noqa: S104 - refused, not used
        text = "with a wildcard Asterisk resolves the host name for each call"
        yield Problem(path=("sip", "host"), text=text, remedy="name one address")
    if sip.rtp_start and sip.rtp_end <= sip.rtp_start:
        yield Problem(
            path=("sip", "rtp_end"), text=f"{sip.rtp_end} leaves no ports", remedy="set it above sip.rtp_start"
        )
    if sip.host == sip.trunk_from:
        text = "must differ from sip.host, it tells callers from seats"
        yield Problem(path=("sip", "trunk_from"), text=text, remedy="name the address that callers come from")
    if settings.bus.kind == "rabbitmq" and settings.bus.url is None:
        remedy = "say where the broker is, amqp://user:password@host:port/vhost"
        yield Problem(path=("bus", "url"), text="a broker needs an address", remedy=remedy)
    reasons = (*settings.break_reasons, *OWN_REASONS)
    for reason in set(settings.acd.break_limit_s) - set(reasons):
        path: Path = ("acd", "break_limit_s", reason)
        yield Problem(path=path, text="there is no such reason of a break", remedy=_choose(reasons))
    words = list(settings.break_reasons)
    yield from _twice(("break_reasons",), "break_reasons", words, "name each reason once")
    outcomes = list(settings.acd.outcomes)
    yield from _twice(("acd", "outcomes"), "acd.outcomes", outcomes, "name each outcome once")


# --- queues ----------------------------------------------------------------------------------------------------------------


def _queue(settings: Settings, queue: Queue, at: Path) -> Iterator[Problem]:
    yield from _opening(settings, queue.opening, (*at, "opening"))
    for path, text in _treatments(queue, at):
        yield from _treatment(settings, path, text)
    agents = {a.id for a in settings.all_agents()}
    for place, agent in enumerate(queue.surge_agents):
        if settings.agents and agent not in agents:
            path = (*at, "surge_agents", place)
            yield Problem(path=path, text=f"there is no agent {agent}", remedy=_choose(agents))
    yield from _without_effect(queue, at)
    for place, step in enumerate(queue.relax):
        for skill, level in step.skills.items():
            if level > queue.skills.get(skill, level):
                text = f"{skill} at level {level} is more than the queue asks for"
                remedy = f"a step may only ask for less than {queue.skills[skill]}"
                yield Problem(path=(*at, "relax", place, "skills", skill), text=text, remedy=remedy)


def _without_effect(queue: Queue, at: Path) -> Iterator[Problem]:
    """Settings of another strategy than the queue's: one of the two is a mistake."""
    said = {name for name in queue.model_fields_set if getattr(queue, name) != type(queue).model_fields[name].default}
    for name, strategies in _ONLY_WITH.items():
        if name in said and queue.strategy not in strategies:
            text = f"belongs to the strategy {' or '.join(strategies)}, but this queue's is {queue.strategy}"
            yield Problem(path=(*at, name), text=text, remedy="take one of the two away")
    if "sticky_s" in said and queue.sticky == "none":
        remedy = "set sticky to last_agent or personal_agent, or take sticky_s away"
        yield Problem(path=(*at, "sticky_s"), text="nobody is kept for anybody in this queue", remedy=remedy)
    for place, overflow in enumerate(queue.overflow):
        if overflow.when != "nobody_logged_in" and "over" not in overflow.model_fields_set:
            text = f"{overflow.when} needs to know how much is too much"
            yield Problem(
                path=(*at, "overflow", place), text=text, remedy="set `over`: seconds, or callers for `length`"
            )


def _treatments(queue: Queue, at: Path) -> Iterator[tuple[Path, str]]:
    """Yield every treatment that a queue names, with its place."""
    yield (*at, "when_full"), queue.when_full
    yield (*at, "when_closed"), queue.when_closed
    if queue.at_closing is not None:
        yield (*at, "at_closing"), queue.at_closing
    for place, overflow in enumerate(queue.overflow):
        yield (*at, "overflow", place, "to"), overflow.to
    for key, text in queue.comfort.keys.items():
        yield (*at, "comfort", "keys", key), text


def _treatment(settings: Settings, path: Path, text: str) -> Iterator[Problem]:
    treatment = treatments.parse(text)
    queues = [q.id for q in settings.queues]
    if treatment.kind == "queue" and treatment.target not in queues:
        yield Problem(path=path, text=f"there is no queue {treatment.target}", remedy=_choose(queues))
    if treatment.kind == "number":
        yield from _dialled(settings, treatment.target, path, f"{treatment} cannot be dialled", customer=False)
    if treatment.kind == "callback" and not settings.outbound.trunk:
        yield Problem(path=path, text="nobody can be called back without a trunk", remedy="set [outbound] trunk")


def _circles(settings: Settings) -> Iterator[Problem]:
    """Queues that hand their callers round and round. What a caller chooses by a key is his own will, and no circle."""
    numbers = {q.id: n for n, q in enumerate(settings.queues)}
    leads: dict[str, dict[str, Path]] = {}
    for queue in settings.queues:
        for path, text in _treatments(queue, ("queues", numbers[queue.id])):
            treatment = treatments.parse(text)
            if treatment.kind == "queue" and treatment.target in numbers and "keys" not in path:
                leads.setdefault(queue.id, {}).setdefault(treatment.target, path)
    told: set[frozenset[str]] = set()
    for begin in leads:
        circle = _way(begin, begin, leads)
        if circle and frozenset(circle) not in told:
            told.add(frozenset(circle))
            text = f"callers go round in a circle: {' -> '.join((*circle, begin))}"
            last = leads[circle[-1]][begin]
            yield Problem(path=last, text=text, remedy="let one of these queues do something else with them")


def _way(begin: str, goal: str, leads: Mapping[str, Mapping[str, Path]]) -> list[str]:
    """Return the queues of the shortest way from one queue to another, without the goal; empty when there is none."""
    ways, seen = [[begin]], set[str]()
    for way in ways:
        for target in leads.get(way[-1], {}):
            if target == goal:
                return way
            if target not in seen:
                seen.add(target)
                ways.append([*way, target])
    return []


# --- skills ----------------------------------------------------------------------------------------------------------------


def _skills(settings: Settings) -> Iterator[Problem]:
    """Requirements that no agent meets. What is asked for less after a while counts as it stands in the end."""
    for number, queue in enumerate(settings.queues):
        agents = [a for a in settings.agents if not a.queues or queue.id in a.queues or a.id in queue.surge_agents]
        if not agents:
            continue  # they come through the API
        at: Path = ("queues", number)
        yield from _nobody_has(queue, agents, at)
        if queue.language_skill and not any(set(agent.skills) & set(LANGUAGES) for agent in agents):
            text = f"callers speak {' or '.join(LANGUAGES)}, and no agent of the queue {queue.id} has such a skill"
            remedy = "give agents their languages as skills, or take language_skill away"
            yield Problem(path=(*at, "language_skill"), text=text, remedy=remedy)
        lowest = dict(queue.skills)
        for step in queue.relax:
            lowest.update({s: min(level, lowest.get(s, level)) for s, level in step.skills.items() if s in lowest})
        yield from _too_much(queue, lowest, agents, at)


def _nobody_has(queue: Queue, agents: list[Agent], at: Path) -> Iterator[Problem]:
    known = {skill for agent in agents for skill in agent.skills}
    asked: list[tuple[Path, str]] = [((*at, "skills", skill), skill) for skill in queue.skills]
    for place, step in enumerate(queue.relax):
        asked += [((*at, "relax", place, "skills", skill), skill) for skill in step.skills]
    for path, skill in asked:
        if skill not in known:
            text = f"no agent of the queue {queue.id} has the skill {skill}"
            yield Problem(path=path, text=text, remedy=f"give it to an agent, or {_choose(known)}")


def _too_much(queue: Queue, lowest: Mapping[str, int], agents: list[Agent], at: Path) -> Iterator[Problem]:
    if not lowest or any(all(agent.skills.get(s, 0) >= level for s, level in lowest.items()) for agent in agents):
        return
    levels = {skill: max((a.skills.get(skill, 0) for a in agents), default=0) for skill in lowest}
    if any(not level and lowest[skill] for skill, level in levels.items()):
        return  # nobody has the skill at all, which is told by itself
    above = [skill for skill, level in levels.items() if level < lowest[skill]]
    for skill in above:
        text = f"no agent of the queue {queue.id} has {skill} at level {lowest[skill]}; the best has {levels[skill]}"
        yield Problem(path=(*at, "skills", skill), text=text, remedy="ask for less, or relax it after a while")
    if not above:
        asked = ", ".join(f"{skill} {level}" for skill, level in sorted(lowest.items()))
        text = f"no agent of the queue {queue.id} has all that it asks for together ({asked})"
        remedy = "ask for less, relax it after a while, or let somebody serve the queue who has it"
        yield Problem(path=(*at, "skills"), text=text, remedy=remedy)
