"""What three people do on the phone network: an agent asks another one, or somebody outside, and swaps, confers, hands on or not.

Whoever hangs up, the others are what `docs/transfers.md` says. After a gap the differences are told as `telephony.consult_adoption` tells them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from hotline import commands as c
from hotline import facts as f
from hotline.ids import AgentId, CallId, Extension, OfferId
from tests.properties.phone_network import Call, Leg
from tests.simulation.talks import TalkingNetwork


@dataclass
class Asked:
    """Who is asked about a caller."""

    command: c.Consult
    answered: bool = False
    together: bool = False
    """Whether the caller talks with both."""

    @property
    def offer_id(self) -> OfferId:
        return self.command.next_offer


@dataclass(frozen=True)
class Told:
    """What was told of a conversation besides its offer."""

    asked: OfferId | None = None
    answered: bool = False
    together: bool = False
    held: bool = False


class ConsultingNetwork(TalkingNetwork):
    """A network on which agents ask each other."""

    asked: dict[CallId, Asked]
    told_of: dict[CallId, Told]
    led_on_at: dict[CallId, float]
    luck: Any
    happened: Callable[[str], None]
    """Is told what no fact tells."""

    def asked_rings(self, call: Call, asked: Asked) -> None:
        """The phone of somebody who is asked rings."""
        raise NotImplementedError

    def _perform(self, command: c.CallCommand) -> c.Outcome:
        if not isinstance(command, c.Consult | c.Swap | c.Conference | c.EndConsult):
            if isinstance(command, c.Hold | c.Retrieve | c.Transfer) and command.call_id in self.asked:
                return c.Refused(reason="consulting")
            return super()._perform(command)
        call = self.calls.get(command.call_id)
        if call is None or call.phase != "talking" or call.ring is None or call.ring.offer_id != command.offer_id:
            return c.Refused(reason="not_talking")
        asked = self.asked.get(call.call_id)
        if isinstance(command, c.Consult):
            if asked is not None:
                return c.Refused(reason="consulting")
            self._ask(call, command)
            return c.Done()
        if asked is None or asked.offer_id != command.next_offer:
            return c.Refused(reason="not_consulting")
        return self._regroup(call, asked, command)

    def _ask(self, call: Call, command: c.Consult) -> None:
        asked = self.asked[call.call_id] = Asked(command)
        self._hold(call)
        seat = f"outside {command.number}" if command.number else command.extension
        leg = Leg(seat, command.seat_node or call.node)
        if command.number and command.agent_id:
            self.happened("consult: asked a remote agent")
        call.legs[asked.offer_id] = leg
        self._note_told(call)
        self._begin(call, asked.offer_id, leg)
        if self.asked.get(call.call_id) is asked:
            self.asked_rings(call, asked)

    def _regroup(self, call: Call, asked: Asked, command: c.CallCommand) -> c.Outcome:
        match command:
            case c.EndConsult(hand_on=True) if asked.answered:
                self.hand_over(call, asked)
            case c.EndConsult(hand_on=False):
                self.end_asked(call, f.OfferRescinded, reason="withdrawn")
            case c.Swap() if asked.answered and not asked.together:
                (self._fetch if call.call_id in self.held else self._hold)(call)
                self.happened("consult: swap")
            case c.Conference() if asked.answered and not asked.together:
                self._fetch(call)
                asked.together = True
                self._tell_of(call, f.ConferenceBegan, next_offer=asked.offer_id)
            case _:
                return c.Refused(reason="not_answered")
        self._note_told(call)
        return c.Done()

    def _tell_of(self, call: Call, kind: type[f.OfferFact], offer_id: OfferId | None = None, /, **more: object) -> None:
        assert call.ring is not None
        told = offer_id or call.ring.offer_id
        self.tell(call.node, kind(at=self.now, call_id=call.call_id, offer_id=told, **more))  # type: ignore[arg-type]

    def _hold(self, call: Call) -> None:
        if call.call_id not in self.held:
            self.held.add(call.call_id)
            self._tell_of(call, f.HoldBegan)

    def _fetch(self, call: Call) -> None:
        if call.call_id in self.held:
            self.held.discard(call.call_id)
            self._tell_of(call, f.HoldEnded)

    # --- what people do ---------------------------------------------------------------------------------------------------

    def asked_answers(self, call: Call, asked: Asked) -> None:
        """He answers, and talks with the agent who asks."""
        asked.answered = True
        self._tell_of(call, f.OfferAccepted, asked.offer_id)
        self._note_told(call)

    def end_asked(self, call: Call, ending: type[f.OfferFact], offer_id: OfferId | None = None, **more: object) -> None:
        """Whoever is asked goes: `ending` says how, unless he had answered. The first agent is with the caller again."""
        self._asked_is_over(call, ending, **more)
        self._fetch(call)
        self._note_told(call)

    def _asked_is_over(self, call: Call, ending: type[f.OfferFact], **more: object) -> None:
        asked = self.asked.pop(call.call_id, None)
        if asked is not None and asked.answered:
            self._end_leg(call, f.TalkEnded, asked.offer_id)
        elif asked is not None:
            self._end_leg(call, ending, asked.offer_id, **more)

    def hand_over(self, call: Call, asked: Asked) -> None:
        """The first agent leaves: the second one has the caller."""
        assert call.ring is not None
        first, second = call.ring, asked.command
        completed = f.TransferCompleted(
            at=self.now, call_id=call.call_id, offer_id=first.offer_id, kind="attended", next_offer=second.next_offer
        )
        early = self.luck.random() < 0.5  # Asterisk says it in either order
        if early:
            self.tell(call.node, completed)
        self._leaves(call, first.offer_id)
        if not early:
            self.tell(call.node, completed)
        del self.asked[call.call_id]
        self.held.discard(call.call_id)
        self.led_on_at[call.call_id] = float(int(self.now))
        call.ring = msgspec.structs.replace(
            first, offer_id=second.next_offer, agent_id=second.agent_id, extension=second.extension, also=()
        )
        call.group = second.next_offer
        self._note_told(call)

    def _leaves(self, call: Call, offer_id: OfferId) -> None:
        """One who talks leaves, and the call goes on."""
        self._end_leg(call, f.TalkEnded, offer_id)

    def agent_hangs_up(self, call: Call) -> None:
        asked = self.asked.get(call.call_id)
        if asked is not None and asked.answered:
            self.hand_over(call, asked)
        else:
            self._asked_is_over(call, f.OfferRescinded, reason="agent_left")
            super().agent_hangs_up(call)

    def caller_hangs_up(self, call: Call) -> None:
        self._asked_is_over(call, f.OfferRescinded, reason="caller_left")
        super().caller_hangs_up(call)

    def end_ring(self, call: Call, ending: type[f.OfferFact], offer_id: OfferId | None = None, **more: object) -> None:
        asked = self.asked.get(call.call_id)
        if asked is not None and offer_id == asked.offer_id:
            self.end_asked(call, ending, **more)
        else:
            super().end_ring(call, ending, offer_id, **more)

    # --- gaps -------------------------------------------------------------------------------------------------------------

    def _note_told(self, call: Call) -> None:
        super()._note_told(call)
        if self.nodes[call.node].up:
            self.told_of[call.call_id] = self._state(call)

    def _state(self, call: Call) -> Told:
        asked = self.asked.get(call.call_id)
        held = call.call_id in self.held
        if asked is None:
            return Told(held=held)
        return Told(asked=asked.offer_id, answered=asked.answered, together=asked.together, held=held)

    def _tell_difference(self, call: Call) -> None:
        before, now = self.told_of.get(call.call_id, Told()), self._state(call)
        if call.told_phase != "talking" or call.told_offer is None or before == now == Told():
            super()._tell_difference(call)
            return
        first = call.told_offer.offer_id
        same = call.phase == "talking" and call.ring is not None and call.ring.offer_id == first
        if same:
            self._tell_regrouped(call, before, now)
        elif call.phase == "talking" and call.ring is not None and call.ring.offer_id == before.asked:
            if not before.answered:
                self._tell_of(call, f.OfferAccepted, before.asked)
            self._tell_of(call, f.TransferCompleted, first, kind="attended", next_offer=before.asked)
            self._tell_of(call, f.TalkEnded, first)
        else:
            self._tell_asked_over(call, before)
            super()._tell_difference(call)
            return
        self._note_told(call)

    def _tell_asked_over(self, call: Call, before: Told) -> None:
        if before.asked is None:
            return
        told = {"at": self.now, "call_id": call.call_id, "offer_id": before.asked}
        gone = f.TalkEnded(**told) if before.answered else f.OfferRescinded(**told, reason="withdrawn")  # type: ignore[arg-type]
        self.tell(call.node, gone)

    def _tell_regrouped(self, call: Call, before: Told, now: Told) -> None:
        """The same agent talks with the caller; what else is different?"""
        if before.asked != now.asked:
            self._tell_asked_over(call, before)
        elif now.asked is not None and now.answered and not before.answered:
            self._tell_of(call, f.OfferAccepted, now.asked)
        if before.held != now.held:
            self._tell_of(call, f.HoldBegan if now.held else f.HoldEnded)
        if now.together and not before.together and now.asked is not None:
            self._tell_of(call, f.ConferenceBegan, next_offer=now.asked)

    def _adoption(self, call: Call) -> f.CallAdopted:
        found, asked = super()._adoption(call), self.asked.get(call.call_id)
        if call.phase != "talking":
            return found
        found = msgspec.structs.replace(
            found, held=call.call_id in self.held, led_on_at=self.led_on_at.get(call.call_id, 0.0)
        )
        if asked is None:
            return found
        agent: AgentId | None = asked.command.agent_id or None
        return msgspec.structs.replace(
            found, second_offer=asked.offer_id, second_answered=asked.answered, second_agent=agent
        )


def is_outside(extension: Extension | str) -> bool:
    """Return whether what is rung is no phone of ours."""
    return extension.startswith("outside ")
