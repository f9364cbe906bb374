"""Supervisors in the dialplan: their seat is rung, and then hears an agent's channel. Pure.

    hotline-supervise-seat   rings the seat (one behind each Local channel), or says why it did not answer
    hotline-supervise        the supervisor: one extension for each mode, between which he is redirected
    hotline-supervise-tone   a beep for the agent, spoken into his ear by a channel of its own

`ChanSpy` listens to the agent's channel from outside of the bridge. Whispering, it speaks to that channel alone; barging in, to both
parties. Its options end it with the channel that it listens to. It never takes part in the call.
"""

from telephony.asterisk.config import peers
from telephony.asterisk.config.plan import Plan
from telephony.asterisk.config.steps import context, extension, in_use, lines
from telephony.seats import peer_name
from telephony.supervision import CONTEXT, EVENT, SPY, TONE_CONTEXT, VARIABLE, seat_context

TONE = "beep"
LINK_S = 1
"""How long the beep waits until both its halves are there."""
_TOLD = f"UserEvent({EVENT},Id: ${{{VARIABLE}}}"


def contexts(plan: Plan) -> list[str]:
    """Return the contexts: the supervisor's, those that ring his seat, and the tone's."""
    nodes = [peer.node for peer in plan.settings.asterisk.peers]
    return [
        context(
            CONTEXT,
            *lines(extension(mode, *_spy(mode, options)) for mode, options in SPY.items()),
            *extension("h", f"{_TOLD},State: over)"),
        ),
        *(context(seat_context(node), *extension("_X.", *_seat(node))) for node in (None, *nodes)),
        context(
            TONE_CONTEXT, *extension("s", "Answer()", f"Wait({LINK_S})", f"Playback({TONE})", "Wait(1)", "Hangup()")
        ),
    ]


def _spy(mode: str, options: str) -> tuple[str, ...]:
    return (
        f"{_TOLD},State: {mode},Spied: ${{HOTLINE_SPIED}},Tone: ${{HOTLINE_TONE}})",
        "Set(HOTLINE_TONE=)",
        f"ChanSpy(${{HOTLINE_SPIED}},{options})",
        "Hangup()",
    )


def _seat(node: str | None) -> tuple[str, ...]:
    seat, seconds = "${CUT(EXTEN,*,1)}", "${CUT(EXTEN,*,2)}"
    away = f"Dial(PJSIP/{seat}@{peer_name(node or '')},{seconds},i{peers.tell(seconds)})"
    return (
        "Set(DIALSTATUS=BUSY)",
        *((f"GotoIf({in_use(seat)}?over)", f"Dial(PJSIP/{seat},{seconds},i)") if node is None else (away,)),
        f"(over),{_TOLD},State: unanswered,Status: ${{DIALSTATUS}})",
        "Hangup()",
    )
