"""Agents at external numbers: rung over the outgoing trunk, connected only to who says that he is there. Pure.

A remote agent is a member of a group of phones (`groups`), if only of one: a Local channel dials him, and Asterisk takes its answer
for one only once it is bridged. So the caller hears his music until the agent has pressed `1`; a voice box that
answers presses nothing, and counts as no answer. Any other key is a refusal. The time for it is part of the ring time.
Who calls is not told outside: his name and number stay in the house.

    ring -> answered -> "press 1 to accept, 2 to reject" -> 1: bridged; nothing: NOANSWER; another key: BUSY
"""

from hotline.dialling import TRUNK
from telephony.asterisk.config.steps import HANG_UP_AS_DIALLED, context, extension
from telephony.groups import OUTSIDE_CONTEXT

CONFIRM_CONTEXT = "hotline-confirm"
CONFIRM_SOUND = "followme/options"
"""Asterisk's own "press 1 to accept this call, 2 to reject it"."""
CONFIRM_TRIES, CONFIRM_WAIT_S = 2, 6
KEY = "HOTLINE_KEY"
"""Of his channel: which key he pressed."""
UNTIL = "HOTLINE_UNTIL"
"""Until when (EPOCH) somebody who is asked by another agent may confirm: there, no dial around his own ends the ring in time."""


def contexts() -> list[str]:
    """Return the contexts: of the member at an external number, and of the question that he is asked."""
    return [
        context(OUTSIDE_CONTEXT, *extension("_X.", *_member())),
        context(CONFIRM_CONTEXT, *extension("s", *_confirm())),
    ]


def _member() -> tuple[str, ...]:
    """Dial the number, and tell how that ended. `g`: go on when he hangs up while he is asked."""
    told = "UserEvent(HotlineMember,Call: ${HOTLINE_CALL},Group: ${HOTLINE_OFFER},Member: ${HOTLINE_MEMBER}"
    return (
        "Set(__HOTLINE_MEMBER=${CUT(EXTEN,*,1)})",
        "Set(HOTLINE_SEAT=${FILTER(0-9,${CUT(EXTEN,*,2)})})",
        "Set(CALLERID(all)=)",
        "Wait(${CUT(EXTEN,*,3)})",
        f"{told})",
        f"Dial(PJSIP/${{HOTLINE_SEAT}}@{TRUNK},,giU({CONFIRM_CONTEXT}))",
        'ExecIf($["${DIALSTATUS}" = "ANSWER"]?Set(DIALSTATUS=NOANSWER))',
        f"{told},Status: ${{DIALSTATUS}},Cause: ${{HANGUPCAUSE}})",
        HANG_UP_AS_DIALLED,
    )


def _confirm() -> tuple[str, ...]:
    """Ask who answered whether he takes the call; an empty result lets the two be bridged."""
    pressed = f'$["${{{KEY}}}" = "1"]?:${{IF(${{ISNULL(${{{KEY}}})}}?CONTINUE:BUSY)}}'
    left = f"$[${{{UNTIL}}} - ${{EPOCH}}]"
    return (
        "Set(GOSUB_RESULT=CONTINUE)",  # whatever breaks this off: without a result the two would be bridged
        f"ExecIf($[0${{{UNTIL}}} > 0]?Set(TIMEOUT(absolute)=${{IF($[{left} > 1]?{left}:1)}}))",
        f"Read({KEY},{CONFIRM_SOUND},1,,{CONFIRM_TRIES},{CONFIRM_WAIT_S})",
        "Set(TIMEOUT(absolute)=0)",
        f"Set(GOSUB_RESULT=${{IF({pressed})}})",
        "Return()",
    )
