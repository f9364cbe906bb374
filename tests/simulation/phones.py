"""People at the phones of the network: they let them ring, answer, at the same moment too, refuse, talk, and hang up.

At an external number whoever answers must press a key; nobody else notices that he was there.
"""

from collections.abc import Callable
from random import Random

import msgspec

from hotline import commands as c
from hotline import facts as f
from hotline.ids import OfferId, SupervisionId
from tests.properties.phone_network import Call, Leg
from tests.simulation.callouts import CallingNetwork
from tests.simulation.consults import Asked, is_outside
from tests.simulation.supervised import Spy

SAME_MOMENT = 0.15
"""The share of rings of several phones of which two are answered at the same moment."""
PATIENT_TALK_S = 1.0


class PhonesNetwork(CallingNetwork):
    """A network with people."""

    luck: Random
    note: Callable[[str], None]

    # --- numbers outside --------------------------------------------------------------------------------------------------

    def _perform(self, command: c.CallCommand) -> c.Outcome:
        if isinstance(command, c.Ring) and command.number:
            command = msgspec.structs.replace(command, extension=f"outside {command.number}")
        return super()._perform(command)

    def is_there(self, leg: Leg) -> bool:
        return is_outside(leg.extension) or super().is_there(leg)

    def tell_seat(self, leg: Leg) -> None:
        if not is_outside(leg.extension):
            super().tell_seat(leg)

    # --- callers' rings ---------------------------------------------------------------------------------------------------

    def _ring(self, call: Call, ring: c.Ring) -> None:
        super()._ring(call, ring)
        self.later(ring.ring_timeout_s, self._rings_out, call, ring)
        together = len(call.legs) > 1 and self.luck.random() < SAME_MOMENT
        if together:
            self.later(self.luck.uniform(0.2, 4.0), self._answered_at_once, call, ring)
        for offer_id, leg in list(call.legs.items()):
            self.later(0.1, self._phone, call, ring, offer_id, "rang")
            self.later(self.luck.uniform(0.2, 4.0), self._phone, call, ring, offer_id, self._wants(leg, together))

    def _wants(self, leg: Leg, together: bool) -> str:
        """Return what somebody does whose phone rings."""
        if self.patient:
            return "answer"
        if is_outside(leg.extension):
            return self.luck.choice(("answer", "answer", "answer", "nothing", "busy", "voice box"))
        return "nothing" if together else self.luck.choice(("answer",) * 6 + ("reject", "busy", "fail", "nothing"))

    def _rings_out(self, call: Call, ring: c.Ring) -> None:
        if call.phase == "ringing" and call.ring is ring:
            self.end_ring(call, f.OfferTimedOut)

    def _answered_at_once(self, call: Call, ring: c.Ring) -> None:
        """Two or more phones are answered in the same moment: the network lets one of them win."""
        if call.phase == "ringing" and call.ring is ring and len(call.legs) > 1:
            self.happened("ring: two answered at once")
            self.answer(call, self.luck.randrange(len(call.legs)))

    def _phone(self, call: Call, ring: c.Ring, offer_id: OfferId, what: str) -> None:
        """Somebody does something with a phone, if it still rings."""
        if call.phase != "ringing" or call.ring is not ring or offer_id not in call.legs:
            return
        outside = is_outside(call.legs[offer_id].extension)
        match what:
            case "rang":
                self.rang(call, list(call.legs).index(offer_id))
            case "answer":
                if outside:
                    self.happened("remote: pressed the key")
                self.answer(call, list(call.legs).index(offer_id))
            case "voice box":
                self.happened("remote: answered without the key")
                self.end_ring(call, f.OfferTimedOut, offer_id)
            case "reject":
                self.end_ring(call, f.OfferRejected, offer_id)
            case "busy":
                self.end_ring(call, f.OfferBusy, offer_id)
            case "fail":
                self.end_ring(call, f.OfferFailed, offer_id, reason="congestion")

    # --- talking ----------------------------------------------------------------------------------------------------------

    def answer(self, call: Call, which: int = 0) -> None:
        super().answer(call, which)
        self._talks(call)

    def _talks(self, call: Call) -> None:
        """Somebody has the caller now; it takes a while."""
        lasts = PATIENT_TALK_S if self.patient else min(self.luck.expovariate(1 / 6), 20.0)
        self.later(lasts, self._talk_is_over, call, call.ring)

    def _talk_is_over(self, call: Call, ring: c.Ring) -> None:
        made = self.made.get(call.call_id)
        if made is not None and made.customer != "answered" and self.patient:
            self.later(1.0, self._talk_is_over, call, ring)  # an agent who waits until his customer is there
        elif call.phase == "talking" and call.ring is ring:
            self.agent_hangs_up(call)
            self.later(0.2, self._goes, call)  # the survey is not ours

    def _goes(self, call: Call) -> None:
        if call.phase not in ("gone", "talking", "ringing") and not call.waits:
            self.caller_hangs_up(call)

    # --- being asked ------------------------------------------------------------------------------------------------------

    def asked_rings(self, call: Call, asked: Asked) -> None:
        self.later(asked.command.ring_timeout_s, self._asked_does, call, asked, "rings out")
        wants = ("answer",) * 6 + ("reject", "busy", "nothing")
        what = "answer" if self.patient else self.luck.choice(wants)
        self.later(0.1, self._asked_does, call, asked, "rang")
        self.later(self.luck.uniform(0.2, 3.0), self._asked_does, call, asked, what)

    def _asked_does(self, call: Call, asked: Asked, what: str) -> None:
        if self.asked.get(call.call_id) is not asked or asked.answered:
            return
        match what:
            case "rang":
                self._tell_of(call, f.OfferRang, asked.offer_id)
            case "answer":
                self.asked_answers(call, asked)
                stays = self.luck.uniform(1.0, 12.0)
                self.later(PATIENT_TALK_S if self.patient else stays, self._asked_goes, call, asked)
            case "reject":
                self.end_asked(call, f.OfferRejected)
            case "busy":
                self.end_asked(call, f.OfferBusy)
            case "rings out":
                self.end_asked(call, f.OfferTimedOut)

    def _asked_goes(self, call: Call, asked: Asked) -> None:
        """Whoever is asked has said what he had to say."""
        if self.asked.get(call.call_id) is asked:
            self.end_asked(call, f.OfferRescinded, reason="withdrawn")

    def hand_over(self, call: Call, asked: Asked) -> None:
        super().hand_over(call, asked)
        self._talks(call)
        self.later(0.2, self._goes, call)

    # --- supervisors ------------------------------------------------------------------------------------------------------

    def spy_rings(self, supervision: SupervisionId, spy: Spy) -> None:
        answers = self.patient or self.luck.random() < 0.85
        self.later(self.luck.uniform(0.2, 3.0), self._spy_does, supervision, answers)
        self.later(spy.command.ring_timeout_s, self._spy_does, supervision, False)
        self.later(self.luck.uniform(4.0, 25.0), self._spy_hangs_up, supervision)

    def _spy_does(self, supervision: SupervisionId, answers: bool) -> None:
        spy = self.spies.get(supervision)
        if spy is None or spy.mode:
            return
        if answers:
            self.show(supervision, spy.command.mode)
        else:
            self.spy_leaves(supervision)

    def _spy_hangs_up(self, supervision: SupervisionId) -> None:
        if supervision in self.spies:
            self.spy_leaves(supervision)
