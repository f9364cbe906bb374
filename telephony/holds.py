"""Whether a caller is on hold, by our command or by the hold key of his agent's phone, and what follows for his recording. Pure.

Both may be at once, and either may end first; what is told is whether the caller is on hold at all, once each time that it changes:

    by us   by the phone   where the caller is                                  told
    no      no             in the bridge with his agent                         he talks
    yes     no             in `hotline-held`, with the music of his queue       on hold
    no      yes            in the bridge, where Asterisk plays him music        on hold, by the phone
    yes     yes            in `hotline-held`                                    on hold

A phone says it by a new offer of its session (`sendonly`, `inactive`, or the address 0.0.0.0 of old ones: RFC 3264, section 8.4),
and Asterisk tells it by its events `Hold` and `Unhold`. In a conference a phone's hold is a matter of that phone alone: caller and second agent
go on talking. The phone of the second agent may press the key as well; that counts from the moment at which he has the caller.

While the phone holds, the caller stays in the bridge, and so would be recorded with the music: his recording is muted meanwhile, that is, silence
of the same length is written. In Asterisk the muting outlives us, so it stands on the channel (`HOTLINE_MUTED`) for who comes after us.
"""

from hotline.facts import HoldBegan, HoldEnded, Record
from telephony import actions
from telephony.actions import Action
from telephony.ami.messages import ChannelStatus
from telephony.line import Line, Offer

ON_HOLD = "CHANNEL(onhold)"
"""Of the caller's channel: whether the other side of his bridge keeps him on hold."""
MUTED = "HOTLINE_MUTED"


def _conversation(line: Line) -> Offer | None:
    """Return the offer of the conversation with the caller that goes on."""
    offer = line.offer
    return offer if offer is not None and offer.accepted and not offer.ended else None


def _by_phone(line: Line) -> bool:
    offer = _conversation(line)
    return offer is not None and offer.phone_held and line.together != "yes"


def is_held(line: Line) -> bool:
    """Return whether the caller is on hold, whoever keeps him there."""
    return line.held or _by_phone(line)


def pressed(line: Line, channel: str, *, held: bool) -> None:
    """The phone of a channel put the other side on hold, or took it back. The caller's own phone says nothing about his being held."""
    for offer in (line.offer, line.second):
        if offer is not None and offer.seat == channel:
            offer.phone_held = held


def tell(line: Line, now: float) -> list[Record]:
    """Tell that the caller is on hold, or is not any more, if that has changed."""
    offer, held = _conversation(line), is_held(line)
    if offer is None or held == line.hold_told:
        return []
    line.hold_told = held
    if held:
        return [HoldBegan(at=now, call_id=line.call_id, offer_id=offer.offer_id, by_phone=not line.held)]
    return [HoldEnded(at=now, call_id=line.call_id, offer_id=offer.offer_id)]


def mute(line: Line) -> list[Action]:
    """Return how the recording is muted, or goes on, if it is not as it should be."""
    wanted = _by_phone(line)
    if _conversation(line) is None or wanted == line.muted:
        return []
    line.muted = wanted
    return [
        actions.mute_recording(line.leg, muted=wanted),
        actions.set_variable(line.leg, MUTED, "1" if wanted else ""),
    ]


def forget(line: Line) -> None:
    """The conversation is over, or another one began: nobody is on hold, and its recording is another one."""
    line.hold_asked, line.held, line.hold_told, line.muted = False, False, False, False


def learn(line: Line, caller: ChannelStatus) -> None:
    """Take from a snapshot what the agent's phone does, and whether the recording is muted."""
    offer, told = _conversation(line), caller.variables.get(ON_HOLD)
    if offer is None:
        return
    line.muted = caller.variables.get(MUTED) == "1"
    if told in ("0", "1") and not line.held and line.together == "":
        offer.phone_held = told == "1"
