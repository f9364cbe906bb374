"""What to do about gaps: a lost link, a snapshot, our own restart. Pure.

While the link to a node is down its callers keep their places and are not offered. Afterwards a snapshot shows who is there;
calls found for the first time are adopted with the place that their channel kept. What remains of our own earlier life
(`restore`) is believed until the network says otherwise, because agents do not log in again just since we fell over.
"""

from collections.abc import Mapping

import msgspec

from acd.callbacks import gaps
from acd.core.agents import conduct, sitting
from acd.core.agents.roster import Agent
from acd.core.agents.seats import recalled
from acd.core.agents.states import IN_CALL
from acd.core.callers import arriving, comeback, outlets
from acd.core.callers.line import Caller
from acd.core.floor import Floor, Note
from acd.core.offers import endings
from acd.core.offers.book import GRACE_S, RESTORED_S, RETURN_S, UNSEEN_S, Offer
from acd.core.talks import transfers
from hotline.facts import CallAdopted, CallQueued, LinkChanged, NodeSurveyed, OfferUnknown, Place, SnapshotTaken
from hotline.ids import CallId, NodeId, OfferId


def link_changed(floor: Floor, fact: LinkChanged, now: float) -> None:
    """A link went down: nobody there is offered, and no phone there is rung. It came up: those whom the snapshot showed are."""
    if fact.at < floor.link_told_at.get(fact.node, fact.at):
        floor.ignore("late_link")
        return
    floor.link_told_at[fact.node] = fact.at
    _link(floor, fact.node, now, up=fact.up)


def lost(floor: Floor, node: NodeId, now: float) -> None:
    """Nothing reaches a node any more, or us: as if its link were down, until it has told everything anew."""
    floor.surveyed.pop(node, None)
    floor.lost_at[node] = now
    if node not in floor.links_down:
        _link(floor, node, now, up=False)


def _link(floor: Floor, node: NodeId, now: float, *, up: bool) -> None:
    if up:
        floor.links_down.discard(node)
    else:
        floor.links_down.add(node)
    for caller in floor.line:
        if caller.node == node:
            caller.confirmed = caller.confirmed and up
            floor.place(caller, now)
    supervising = floor.supervisions.seats_with(node)
    for agent in list(floor.agents):
        if agent.seat_node == node or agent.seat in supervising:
            conduct.see_phone(floor, agent, now)


def snapshot_taken(floor: Floor, signal: SnapshotTaken, now: float) -> None:
    """Learn which calls of a node live.

    Telephony has told the end of every call it knew before. What is still here but not there, it never knew: it is a leftover of
    our own earlier life, or ended while the node's process was dead, and is closed here because nobody else will. A snapshot older
    than the caller or the offer does not say that he is gone; that he lives it says of whoever it names, also of those whom we moved
    to another line since.
    """
    living = frozenset(signal.living)
    for caller in [c for c in floor.line if c.node == signal.node]:
        if caller.call_id in living:
            caller.confirmed = not caller.doubted
            floor.place(caller, now)
        elif max(caller.entered_at, caller.there_since) <= signal.at:
            arriving.gone(floor, caller.call_id, signal.at, now)
    floor.known.keep_only(signal.node, {*living, *(caller.call_id for caller in floor.line)})
    for offer in [o for o in floor.offers if o.node == signal.node and (o.restored or o.made_at <= signal.at)]:
        if offer.call_id not in living:
            arriving.gone(floor, offer.call_id, signal.at, now)
        elif offer.restored and offer.phase != "talking":
            floor.timers.set("offer", offer.offer_id, max(offer.deadline, now + RESTORED_S))


def adopted(floor: Floor, fact: CallAdopted, now: float) -> None:
    """Take over a call that was found: at its old place, with the offer it is under."""
    waiting = floor.line.get(fact.call_id)
    if floor.left.get(fact.call_id) == arriving.ENDED or (waiting is not None and fact.at < waiting.entered_at):
        floor.ignore("late_adoption")
        return
    known = floor.notes.get(fact.call_id) or Note(node=fact.node)
    number = fact.caller_number or known.number
    floor.notes.put(fact.call_id, msgspec.structs.replace(known, node=fact.node, number=number))
    if waiting is not None and waiting.node != fact.node:
        waiting.node = fact.node  # it had only been guessed
        floor.place(waiting, now)
    if gaps.found(floor, fact, now):
        return
    transfers.found(floor, fact, now)
    match fact.phase:
        case "session":
            _found_in_session(floor, fact, now)
        case "ringing":
            _found_ringing(floor, fact, now)
        case "talking":
            _found_talking(floor, fact, now)
        case "fallback":
            _found_in_fallback(floor, fact, now)
        case "outside":
            arriving.led_outside(floor, fact, now)
    transfers.found_held(floor, fact, now)


def _found_in_session(floor: Floor, fact: CallAdopted, now: float) -> None:
    """The caller is in our hands: whatever offer he was under is over."""
    offer = floor.offers.of_call(fact.call_id)
    caller = floor.line.get(fact.call_id)
    latest = caller.offer if caller is not None else offer
    if latest is not None and fact.at <= latest.made_at and not latest.restored:
        floor.ignore("late_adoption")
        return
    if offer is not None and offer.phase == "talking":
        endings.hang_up(floor, offer, now, reason="reconciled")
        if fact.place is not None and fact.place.entered_at > offer.made_at and _waits(floor, fact):
            _enter(floor, fact, now)  # his agent handed him on, and he waits anew
        else:
            _note_left(floor, fact.call_id, max(offer.entered_at, fact.place.entered_at if fact.place else 0.0))
        return
    for unheard in floor.offers.ring_of(offer) if offer is not None else ():
        _close_unheard(floor, unheard, now)
    if caller is not None and fact.place is not None and fact.place.treatment:
        comeback.leave(floor, caller)  # a router before us let him out, and his call flow treats him already
    elif caller is not None:
        comeback.come_back(floor, caller, now)
    elif _waits(floor, fact):
        _enter(floor, fact, now)


def _close_unheard(floor: Floor, offer: Offer, now: float) -> None:
    """Close an offer whose caller is back although nobody told how it ended."""
    floor.tell(OfferUnknown(at=min(now, offer.deadline), call_id=offer.call_id, offer_id=offer.offer_id))
    floor.close_offer(offer)
    conduct.release(floor, offer, now, reason="reconciled")


def _found_ringing(floor: Floor, fact: CallAdopted, now: float) -> None:
    """A phone rings for him. If we do not know whose, we wait for his return as long as it may ring."""
    offer = floor.offers.of_call(fact.call_id)
    if offer is not None and _is_of(fact.offer_id, offer):
        for ringing in floor.offers.ring_of(offer):
            floor.confirm_offer(ringing, now)
    if floor.line.get(fact.call_id) is not None or not _waits(floor, fact):
        return
    caller = _enter(floor, fact, now, ringing=True)
    if caller.offer is None:
        _await(floor, caller, fact.offer_id, now)


def _is_of(offer_id: OfferId | None, offer: Offer) -> bool:
    """Return whether an id names an offer, or the ring that it is part of."""
    return offer_id in (offer.offer_id, offer.ring)


def _await(floor: Floor, caller: Caller, offer_id: OfferId | None, now: float) -> None:
    """Wait for a caller who rings under an offer of which we have no record."""
    caller.whereabouts, caller.away = "returning", offer_id
    floor.place(caller, now)
    floor.timers.clear("pause", caller.call_id)
    ring_s = floor.queues[caller.queue_id].ring_timeout_s
    floor.timers.set("return", caller.call_id, now + ring_s + GRACE_S + RETURN_S)


def _found_talking(floor: Floor, fact: CallAdopted, now: float) -> None:
    """He is bridged to an agent: he does not wait."""
    offer = _offer_of(floor, fact)
    caller = floor.line.get(fact.call_id)
    if offer is not None:
        offer.restored = False
        endings.talk(floor, offer, now)
    elif caller is not None:
        comeback.leave(floor, caller)
    elif fact.place is not None:
        _note_left(floor, fact.call_id, fact.place.entered_at)


def _offer_of(floor: Floor, fact: CallAdopted) -> Offer | None:
    """Return the offer under which a call was found, if it is one of its own."""
    offer = floor.offers.of_call(fact.call_id)
    ring = floor.offers.ring_of(offer) if offer is not None else []
    return next((member for member in ring if member.offer_id == fact.offer_id), None)


def _note_left(floor: Floor, call_id: CallId, entered_at: float) -> None:
    floor.known.drop(call_id)
    floor.left.put(call_id, max(floor.left.get(call_id) or 0.0, entered_at))


def _found_in_fallback(floor: Floor, fact: CallAdopted, now: float) -> None:
    caller = floor.line.get(fact.call_id)
    offer = floor.offers.of_call(fact.call_id)
    if caller is not None:
        comeback.flow_out(floor, caller, now, reason="fallback")
    elif fact.place is not None:
        floor.left.put(fact.call_id, fact.place.entered_at)  # who is told of later has left already
    if offer is not None:
        arriving.bereave(floor, offer, now)


def _waits(floor: Floor, fact: CallAdopted) -> bool:
    """Return whether the place kept on the channel is one in a line, and he has not left it since."""
    place = fact.place
    if place is None or place.queue_id is None or place.queue_id not in floor.queues:
        return False
    left_at = floor.left.get(fact.call_id)
    return left_at is None or left_at < _entered_at(fact, place)


def _entered_at(fact: CallAdopted, place: Place) -> float:
    return place.entered_at or fact.arrived_at or fact.at


def _enter(floor: Floor, fact: CallAdopted, now: float, *, ringing: bool = False) -> Caller:
    place = fact.place
    assert place is not None
    assert place.queue_id is not None
    asked = CallQueued(
        at=now,
        call_id=fact.call_id,
        queue_id=place.queue_id,
        entered_at=_entered_at(fact, place),
        priority=place.priority,
        skills=place.skills,
        levels=place.levels,
        language=place.language,
        wanted_agent=place.wanted_agent,
        wanted_s=place.wanted_s,
        transferred_by=place.transferred_by,
        since=place.since,
        before=place.before,
        kind="callback" if place.callback else "live",
    )
    caller = arriving.enter(floor, asked, now, whereabouts="ringing" if ringing else "here")
    caller.looked_at, caller.to_hear = True, ""  # he has joined this line long ago, and heard what is announced there
    # Else a phone would ring for him before he is let out.
    caller.overdue = outlets.sends_away(floor, caller.queue_id, now)
    return caller


# --- everything, told to us who have just begun ---------------------------------------------------------------------------


def surveyed(floor: Floor, survey: NodeSurveyed, now: float) -> None:
    """Learn everything that a node knows: its calls, its phones, and thereby who is no more. What we know already stays."""
    for call in survey.calls:
        floor.suspect = call.call_id
        caller = floor.line.get(call.call_id)
        if call.call_id in floor.evicted or _knows_better(floor, call):
            continue
        if caller is not None:
            caller.doubted = False
        adopted(floor, call, now)
        if call.phase == "ringing" and caller is not None and caller.whereabouts in ("here", "paused"):
            _await(floor, caller, call.offer_id, now)  # under an offer of a life before ours
    floor.suspect = None
    for seat in survey.seats:
        conduct.seat_changed(floor, seat, now)
    living = tuple(call.call_id for call in survey.calls)
    snapshot_taken(floor, SnapshotTaken(at=survey.at, node=survey.node, living=living), now)
    link_changed(floor, LinkChanged(at=survey.at, node=survey.node, up=True), now)
    if not any(caller.doubted and caller.node == survey.node for caller in floor.line):
        floor.surveyed[survey.node] = None  # else it is older than the doubt, and the node is asked once more


def _knows_better(floor: Floor, fact: CallAdopted) -> bool:
    """Return whether a call's present state follows from what we did ourselves, of which the node had not heard yet.

    It had told all that happened to the call before; so an offer of this life of ours that it does not know is on its way.
    """
    if fact.phase not in ("session", "ringing"):
        return False
    offer, caller = floor.offers.of_call(fact.call_id), floor.line.get(fact.call_id)
    if offer is not None:
        return not offer.restored and offer.phase != "talking" and not _is_of(fact.offer_id, offer)
    return caller is not None and caller.whereabouts == "paused" and fact.phase == "session"


# --- our own restart -----------------------------------------------------------------------------------------------------


def restore_agents(floor: Floor, agents: Mapping[str, Agent], _now: float) -> None:
    """Take up agents where an earlier life of ours left them. Before offers are."""
    for agent in agents.values():
        _restore_agent(floor, agent)


def restore_offers(floor: Floor, offers: Mapping[str, Offer], now: float) -> None:
    """Take up offers, and bring them and the agents together. Tells only what changes by that."""
    for offer in offers.values():
        _restore_offer(floor, offer, now)
    for agent in list(floor.agents):
        offered = floor.offers.of_agent(agent.id)
        if agent.state == "ready" and offered is not None:
            conduct.move(floor, agent, "reserve", now, call_id=offered.call_id)
        elif agent.state in IN_CALL and offered is None:
            conduct.move(floor, agent, "let_go", now, reason="reconciled")


def _restore_agent(floor: Floor, remembered: Agent) -> None:
    """Put a remembered agent in. The settings win over the remembered profile, unless that came through the API."""
    configured = floor.agents.get(remembered.id)
    if configured is None and not remembered.from_api:
        floor.changed_agents[remembered.id] = None
        return
    if configured is not None:
        if not remembered.from_api:
            seat = sitting.seat_after(remembered, configured.profile)
            moved = seat != remembered.seat
            remembered.sits_at = None if seat == configured.profile.extension else seat
            remembered.profile, remembered.phones = configured.profile, {} if moved else remembered.phones
        floor.agents.remove(configured)
    if any(floor.agents.at(extension) is not None for extension in remembered.profile.extensions):
        if configured is not None:
            floor.agents.put(configured)
        return
    remembered.phones = recalled(remembered.phones)
    remembered.seat_node, remembered.in_use, remembered.cut_off = None, False, False
    remembered.reachable, remembered.awaits = remembered.state != "unreachable", None
    sitting.look(floor, remembered)
    floor.agents.put(remembered)
    if remembered.until is not None:
        floor.timers.set("agent", remembered.id, remembered.until)
    if remembered.state == "ready":
        floor.free_agent(remembered, remembered.since)


def _restore_offer(floor: Floor, offer: Offer, now: float) -> None:
    """Put a remembered offer in, unless its agent, queue or call no longer has room for it.

    One whose time is over already waits for the word of its node: it may have been answered meanwhile.
    """
    other = floor.offers.consult_of if offer.kind == "consult" else floor.offers.of_call
    taken = floor.offers.of_agent(offer.agent_id) or other(offer.call_id)
    if taken is not None and taken.group is not None and taken.ring == offer.ring and taken.agent_id != offer.agent_id:
        taken = None  # they ring together
    if floor.agents.get(offer.agent_id) is None or offer.queue_id not in floor.queues or taken is not None:
        floor.touch(offer)
        floor.callbacks.ledger.end(offer.offer_id)
        return
    offer.restored = True
    note = floor.notes.get(offer.call_id)
    floor.notes.put(offer.call_id, msgspec.structs.replace(note or Note(node=offer.node), node=offer.node))
    floor.open_offer(offer)
    if offer.phase == "talking":
        floor.offers.lead(offer)
    else:
        # Who is kept for a customer has nobody to talk to yet.
        unseen_s = RESTORED_S if offer.kind == "callback" else UNSEEN_S
        floor.timers.set("offer", offer.offer_id, max(offer.deadline, now + unseen_s))
