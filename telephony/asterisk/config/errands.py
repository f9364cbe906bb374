"""What the dialplan does for a caller by itself: take his message, connect him with a number outside. Pure.

Both need nobody of ours: the lease is cleared before and armed after, as around a conversation. A message is kept as raw audio
(no header that a crash could leave at zero), also when he hangs up, which is how most messages end.
"""

from hotline.dialling import TRUNK
from telephony.asterisk.config.steps import context, extension
from telephony.errands import MESSAGE, NUMBER, VARIABLE

SILENCE_S = 8
"""After so much silence a message is over."""


def contexts(stale: str, lease: str) -> list[str]:
    """Return the contexts; `stale` and `lease` are those of arriving calls."""
    return [
        _context(
            MESSAGE,
            f"Set(ARRAY(HOTLINE_MESSAGE,HOTLINE_SECONDS)=${{{VARIABLE}}})",
            f"Record(hotline-voicemail/${{HOTLINE_MESSAGE}}.sln,{SILENCE_S},${{HOTLINE_SECONDS}},k)",
            back=(stale, lease, "message,${RECORD_STATUS}"),
        ),
        _context(
            NUMBER,
            f"Set(ARRAY(HOTLINE_DIGITS,HOTLINE_SECONDS,HOTLINE_MUSIC)=${{{VARIABLE}}})",
            "Set(DIALSTATUS=)",
            "Set(CALLERID(name)=)",
            f"Dial(PJSIP/${{HOTLINE_DIGITS}}@{TRUNK},${{HOTLINE_SECONDS}},gim(${{HOTLINE_MUSIC}}))",
            "Set(HOTLINE_STATUS=${DIALSTATUS})",
            "Set(DIALSTATUS=)",  # it must not look as if an agent had answered
            back=(stale, lease, "number,${HOTLINE_STATUS}"),
        ),
    ]


def _context(name: str, *steps: str, back: tuple[str, str, str]) -> str:
    stale, lease, told = back
    return context(
        name,
        *extension(
            "s",
            "Set(TIMEOUT(absolute)=0)",
            *steps,
            lease,
            f"GotoIf({stale}?hotline-fallback,no_heartbeat,1)",
            f"AGI(agi:async,errand,${{HOTLINE_CALL}},{told})",
            "Goto(hotline-fallback,not_handled,1)",
        ),
        *extension("T", "Goto(hotline-fallback,lease_expired,1)"),
    )
