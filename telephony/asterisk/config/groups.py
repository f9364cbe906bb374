"""Several phones for one caller: the first that answers gets him. Pure.

One `Dial` of the caller's channel holds a Local channel for each phone; behind each of them `hotline-member` waits, looks whether
the phone is free, and dials it. So each phone can begin to ring at a time of its own, is told for whom it rings, and says
for itself how its ring ended, while the one `Dial` sees to it that exactly one answer counts. Once answered, Asterisk
takes the Local channel out again, and caller and seat are bridged as after the ring of a single phone.

The name of a Local channel says everything about its phone: `NUMBER*SEAT*WAIT*SECONDS@CONTEXT`. The number is its place in the
group; which offer that is, we know (`telephony.groups`). The context says where the phone is registered.
"""

from telephony.asterisk.config import peers
from telephony.asterisk.config.plan import Plan
from telephony.asterisk.config.steps import BUSY_CAUSE, HANG_UP_AS_DIALLED, context, extension, in_use
from telephony.groups import PIECES, member_context
from telephony.seats import peer_name

_PHONES = "".join(f"${{HOTLINE_PHONES{n}}}" for n in range(1, PIECES + 1))


def contexts(plan: Plan) -> list[str]:
    """Return the contexts: the caller's, and that of the phones of each node."""
    nodes = [peer.node for peer in plan.settings.asterisk.peers]
    return [
        context(
            "hotline-group",
            *extension("s", *_group()),
            *extension("T", "Goto(hotline-fallback,lease_expired,1)"),
        ),
        *(context(member_context(node), *extension("_X.", *_member(node))) for node in (None, *nodes)),
    ]


def _group() -> tuple[str, ...]:
    """Ring them all, and go on as after the ring of one phone."""
    return (
        "Set(TIMEOUT(absolute)=0)",
        "Set(DIALSTATUS=BUSY)",
        "Set(DIALEDPEERNUMBER=)",
        "Set(ARRAY(__HOTLINE_OFFER,HOTLINE_SEAT,HOTLINE_SECONDS,HOTLINE_MUSIC,HOTLINE_RECORDING,HOTLINE_MUTED)=${HOTLINE_RING})",
        "Set(CHANNEL(userfield)=${HOTLINE_OFFER})",  # for CEL
        "Set(CALLERID(name)=${HOTLINE_NAME})",
        'ExecIf($["${HOTLINE_RECORDING}" != ""]?MixMonitor(${HOTLINE_RECORDING}.raw,bD))',
        f"Dial({_PHONES},${{HOTLINE_SECONDS}},gim(${{HOTLINE_MUSIC}}))",
        "Goto(hotline-ring,s,back)",
    )


def _member(node: str | None) -> tuple[str, ...]:
    """Ring one phone of the group, and tell how that ended, unless the whole group is over before."""
    told = "UserEvent(HotlineMember,Call: ${HOTLINE_CALL},Group: ${HOTLINE_OFFER},Member: ${HOTLINE_MEMBER}"
    here = (f"GotoIf({in_use('${HOTLINE_SEAT}')}?busy)",) if node is None else ()
    dial = "Dial(PJSIP/${HOTLINE_SEAT},,i)"
    away = f"Dial(PJSIP/${{HOTLINE_SEAT}}@{peer_name(node or '')},,i{peers.tell('${CUT(EXTEN,*,4)}')})"
    return (
        "Set(__HOTLINE_MEMBER=${CUT(EXTEN,*,1)})",
        "Set(HOTLINE_SEAT=${CUT(EXTEN,*,2)})",
        "Wait(${CUT(EXTEN,*,3)})",
        *here,
        f"{told})",
        dial if node is None else away,
        f"{told},Status: ${{DIALSTATUS}},Cause: ${{HANGUPCAUSE}})",
        HANG_UP_AS_DIALLED,
        f"(busy),{told},Status: BUSY,Cause: {BUSY_CAUSE})",
        f"Hangup({BUSY_CAUSE})",
    )
