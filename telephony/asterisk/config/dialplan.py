"""The dialplan: what Asterisk does with a call by itself. Pure.

It keeps a call safe whatever happens to us. Nobody's heartbeat: the static fallback queue at once. In our hands the call
carries a lease (`TIMEOUT(absolute)`) that we renew from outside; when it runs out, the channel goes on at `T`, the
fallback. The lease is cleared before a bridge, which it would cut, and armed again before the call comes back to us.

    hotline-trunk, hotline-seat, hotline-test -> hotline-arrive -> AsyncAGI "arrive" -> (we redirect) hotline-ring
    hotline-ring: Dial -> AsyncAGI "return";  hotline-back: a ring taken back -> AsyncAGI "return"
    every AsyncAGI ends in hotline-fallback: lease over (T) or nobody went on with the call (not_handled)

A phone that rings or is in a call is not rung, whoever asks: the fallback queue, another seat, another node and we may want
the same one at the same time, and only Asterisk knows of all of them.

Extensions at the edge are the digits that we serve, one by one, never a pattern. No variable ever holds what a caller typed:
the number is parsed, filtered and bounded in one expression, the display name travels as base64.
"""

from collections.abc import Sequence

from telephony.asterisk.config import callout, errands, groups, peers, remote, supervision, transfers
from telephony.asterisk.config.plan import Plan, document
from telephony.asterisk.config.steps import BUSY_CAUSE, context, extension, in_use, lines, state
from telephony.seats import peer_name

FEATURES = ("41", "42", "43", *(f"43{n}" for n in range(1, 10)), "44", "45", *(f"46{n}" for n in range(1, 10)))
"""Feature codes of a seat, without their star."""

FEATURE_SOUNDS = {
    "logged-in": "agent-loginok",
    "ready": "activated",
    "not-ready": "de-activated",
    "logged-out": "agent-loggedoff",
    "done": "auth-thankyou",
    "refused": "beeperr",
}
"""What a seat hears for each word of `commands.AnswerFeature`: Asterisk's own sounds."""

FALLBACK_REASONS = ("no_heartbeat", "lease_expired", "not_handled")
FALLBACK_QUEUE = "hotline-fallback"
FALLBACK_WAIT_S = 900
"""How long a caller may wait in the fallback queue before leaving a message."""

EMPTY_TRIES, EMPTY_WAIT_S = 6, 5
"""So often, and after so long a piece of music, a fallback queue without a phone that can be rung is tried."""
_EMPTY = '"${QUEUESTATUS}" = "JOINEMPTY" | "${QUEUESTATUS}" = "LEAVEEMPTY"'

INTERNAL_RING_S = 30
FEATURE_S = 5
MESSAGE_S = 180
FROM_BYTES = 300
NUMBER_DIGITS = 32

# The caller's number: the user part of the URI behind the last `<` of the From header (a display name may hold `<`, `@` and
# commas), rebuilt from the characters a number may have. `CUT` reads the header by itself, so its text is never an argument.
_URI = "CUT(PJSIP_HEADER(read,From),<,${HOTLINE_PARTS})"
_USER = rf"${{FILTER(0-9+*#,${{URIDECODE(${{CUT(CUT(CUT({_URI},@,1),:,2),\;,1)}})}})}}"
_HAS_USER = f'$[${{FIELDQTY({_URI},@)}} > 1 | "${{FILTER(a-z,${{CUT({_URI},:,1)}})}}" = "tel"]'
_CALLER = f"${{IF({_HAS_USER}?{_USER})}}"
_FROM = f"${{BASE64_ENCODE(${{PJSIP_HEADER(read,From):0:{FROM_BYTES}}})}}"
_AGE = "${EPOCH} - ${IF(${ISNULL(${GLOBAL(HOTLINE_BEAT)})}?0:${GLOBAL(HOTLINE_BEAT)})}"


def extensions_conf(plan: Plan) -> str:
    """Return `extensions.conf`."""
    numbers = sorted(number.number for number in plan.settings.numbers.values())
    return document(
        "The dialplan",
        context("general", "static = yes", "writeprotect = yes", "clearglobalvars = no", "autofallthrough = yes"),
        context("hotline-trunk", *lines(extension(n, *_enter(n, "trunk", _CALLER, _FROM)) for n in numbers)),
        context("hotline-test", *lines(extension(n, *_enter(n, "test", "", "")) for n in numbers)),
        _seat(plan, numbers),
        _inside(plan),
        *peers.contexts(plan),
        _arrive(plan),
        *callout.contexts(plan, _stale(plan), _lease(plan)),
        _ring(plan),
        *groups.contexts(plan),
        *supervision.contexts(plan),
        *remote.contexts(),
        *errands.contexts(_stale(plan), _lease(plan)),
        *transfers.contexts(over=_come_back(plan, over=True), handed_on=_come_back(plan, over=False)),
        _feature(plan),
        _fallback(plan),
    )


def _stale(plan: Plan) -> str:
    """Return the condition "our last heartbeat is too old"; one from the future counts as old (a clock was set back)."""
    limit = plan.settings.asterisk.heartbeat_stale_s
    return f"$[({_AGE}) > {limit} | ({_AGE}) < -{limit}]"


def _lease(plan: Plan) -> str:
    return f"Set(TIMEOUT(absolute)={plan.settings.asterisk.lease_s:g})"


_IS_SERVED = '"${HOTLINE_SERVED}" != "" & "${HOTLINE_SERVED}" = "${HOTLINE_OFFER}"'
"""His last offer became a conversation, which is over, and he does not wait anew (`actions.forget_offer`)."""


def _come_back(plan: Plan, *, over: bool) -> tuple[str, ...]:
    """The steps of a caller who was with an agent, or was offered to one: armed with a lease, he comes back to us.

    `over`: an answered ring means that he was served.
    """
    served = 'ExecIf($["${DIALSTATUS}" = "ANSWER"]?Set(HOTLINE_SERVED=${HOTLINE_OFFER}))'
    return (
        "(back),StopMixMonitor()",
        *([served] if over else []),
        _lease(plan),
        f"GotoIf({_stale(plan)}?hotline-fallback,no_heartbeat,1)",
        "AGI(agi:async,return,${HOTLINE_CALL},${HOTLINE_OFFER},${DIALSTATUS},${HANGUPCAUSE})",
        "Goto(hotline-fallback,not_handled,1)",
    )


def _enter(number: str, origin: str, caller: str, from_header: str) -> tuple[str, ...]:
    return (
        f"Set(HOTLINE_NUMBER={number})",
        f"Set(HOTLINE_ORIGIN={origin})",
        *(["Set(HOTLINE_PARTS=${FIELDQTY(PJSIP_HEADER(read,From),<)})"] if origin == "trunk" else []),
        f"Set(CALLERID(num)={caller})",
        f"Set(HOTLINE_FROM={from_header})",
        "Goto(hotline-arrive,s,1)",
    )


def _seat(plan: Plan, numbers: Sequence[str]) -> str:
    """What a registered seat may dial: our numbers, its feature codes, other seats."""
    return context(
        "hotline-seat",
        *lines(extension(n, *_enter(n, "seat", "${CHANNEL(endpoint)}", _FROM)) for n in numbers),
        *lines(extension(f"*{code}", f"Goto(hotline-feature,{code},1)") for code in FEATURES),
        *lines(
            extension(seat, f"Set(HOTLINE_SEAT={seat})", "Goto(hotline-inside,s,1)")
            for seat in plan.settings.seats.extensions()
        ),
    )


def _inside(plan: Plan) -> str:
    """A seat calls a seat. One whose phone is not registered here is tried at all other nodes; one of them may have it."""
    others = [f"PJSIP/${{HOTLINE_SEAT}}@{peer_name(p.node)}" for p in plan.settings.asterisk.peers]
    away = f'GotoIf($["{state("${HOTLINE_SEAT}")}" = "UNAVAILABLE"]?away)'
    there = f"Dial({'&'.join(others)},{INTERNAL_RING_S},i{peers.tell(str(INTERNAL_RING_S))})"
    return context(
        "hotline-inside",
        *extension(
            "s",
            "Set(CALLERID(num)=${CHANNEL(endpoint)})",
            f"GotoIf({in_use('${HOTLINE_SEAT}')}?busy)",
            *([away] if others else []),
            f"Dial(PJSIP/${{HOTLINE_SEAT}},{INTERNAL_RING_S},i)",
            "Hangup()",
            *([f"(away),{there}", "Hangup()"] if others else []),
            f"(busy),Hangup({BUSY_CAUSE})",
        ),
    )


def _arrive(plan: Plan) -> str:
    limit = plan.settings.asterisk.max_calls
    return context(
        "hotline-arrive",
        *extension(
            "s",
            "Set(__HOTLINE_CALL=${UUID()})",
            "Set(HOTLINE_ARRIVED=${EPOCH})",
            f"ExecIf($[${{LEN(${{CALLERID(num)}})}} > {NUMBER_DIGITS}]?Set(CALLERID(num)=))",
            "Set(CALLERID(name)=)",
            "CELGenUserEvent(HOTLINE_ARRIVED,${HOTLINE_CALL} ${HOTLINE_NUMBER} ${HOTLINE_ORIGIN})",
            "Set(GROUP(hotline)=calls)",
            f"GotoIf($[${{GROUP_COUNT(calls@hotline)}} > {limit}]?full)",
            f"GotoIf({_stale(plan)}?hotline-fallback,no_heartbeat,1)",
            _lease(plan),
            "Answer()",
            "AGI(agi:async,arrive,${HOTLINE_CALL},${HOTLINE_NUMBER},${CALLERID(num)},${HOTLINE_FROM},${HOTLINE_ORIGIN})",
            "Goto(hotline-fallback,not_handled,1)",
            "(full),CELGenUserEvent(HOTLINE_FULL,${HOTLINE_CALL})",
            "Hangup(42)",
        ),
        *extension("T", "Goto(hotline-fallback,lease_expired,1)"),
    )


def _ring(plan: Plan) -> str:
    """Ring one seat, as `HOTLINE_RING` says, and come back. `g`: go on after the seat hangs up; `i`: no forwarding by a phone.

    A seat of another node (`1001@peer-node2`) is told for whom it rings, and how long. Whether it is in use is for its own node to see.
    """
    dial, options = "Dial(PJSIP/${HOTLINE_SEAT},${HOTLINE_SECONDS},", "gim(${HOTLINE_MUSIC})"
    away = (
        'GotoIf($["${HOTLINE_SEAT}" =~ "@"]?away)',
        f"{dial}{options})",
        "Goto(back)",
        f"(away),{dial}{options}{peers.tell('${HOTLINE_SECONDS}')})",
    )
    return "\n".join(
        (
            context(
                "hotline-ring",
                *extension(
                    "s",
                    "Set(TIMEOUT(absolute)=0)",
                    "Set(DIALSTATUS=BUSY)",
                    "Set(ARRAY(__HOTLINE_OFFER,HOTLINE_SEAT,HOTLINE_SECONDS,HOTLINE_MUSIC,HOTLINE_RECORDING,HOTLINE_MUTED)=${HOTLINE_RING})",
                    "Set(CHANNEL(userfield)=${HOTLINE_OFFER})",  # for CEL
                    "Set(CALLERID(name)=${HOTLINE_NAME})",
                    f"GotoIf({in_use('${HOTLINE_SEAT}')}?back)",
                    'ExecIf($["${HOTLINE_RECORDING}" != ""]?MixMonitor(${HOTLINE_RECORDING}.raw,bD))',
                    *(away if plan.settings.asterisk.peers else (f"{dial}{options})",)),
                    *_come_back(plan, over=True),
                ),
                *extension("T", "Goto(hotline-fallback,lease_expired,1)"),
            ),
            context(
                "hotline-back",
                *extension(
                    "s",
                    "StopMixMonitor()",
                    *_come_back(plan, over=False)[1:-2],
                    "AGI(agi:async,return,${HOTLINE_CALL},${HOTLINE_OFFER},RESCINDED,0)",
                    "Goto(hotline-fallback,not_handled,1)",
                ),
                *extension("T", "Goto(hotline-fallback,lease_expired,1)"),
            ),
        )
    )


def _feature(plan: Plan) -> str:
    """Feature codes go to us; the answer comes by a redirect to `hotline-feature-done`."""
    return "\n".join(
        (
            context(
                "hotline-feature",
                *lines(extension(code, f"Set(HOTLINE_CODE={code})", "Goto(s,1)") for code in FEATURES),
                *extension(
                    "s",
                    f"GotoIf({_stale(plan)}?hotline-feature-done,refused,1)",
                    f"Set(TIMEOUT(absolute)={FEATURE_S})",
                    "AGI(agi:async,feature,${CHANNEL(endpoint)},${HOTLINE_CODE})",
                    "Hangup()",
                ),
                *extension("T", "Goto(hotline-feature-done,refused,1)"),
            ),
            context(
                "hotline-feature-done",
                *lines(
                    extension(word, "Set(TIMEOUT(absolute)=0)", "Answer()", f"Playback({sound})", "Hangup()")
                    for word, sound in FEATURE_SOUNDS.items()
                ),
            ),
        )
    )


def _fallback(plan: Plan) -> str:
    """The static queue: needs nothing but Asterisk. While no seat is known (after a start) callers wait a little for one.

    Who was served does not wait again: what his flow would have done after the conversation is lost with us, and he is let go.
    """
    return "\n".join(
        (
            context("hotline-release", *extension("s", "Goto(hotline-fallback,not_handled,1)")),
            context(
                "hotline-fallback",
                *lines(extension(r, f"Set(HOTLINE_REASON={r})", "Goto(s,1)") for r in FALLBACK_REASONS),
                *extension(
                    "s",
                    *callout.nobody(plan, "nobody"),
                    f"GotoIf($[{_IS_SERVED}]?served)",
                    "Set(TIMEOUT(absolute)=0)",
                    "StopMixMonitor()",
                    "CELGenUserEvent(HOTLINE_FALLBACK,${HOTLINE_CALL} ${HOTLINE_REASON})",
                    "UserEvent(HotlineFallback,Call: ${HOTLINE_CALL},Reason: ${HOTLINE_REASON})",
                    "Answer()",
                    "Set(HOTLINE_TRIES=0)",
                    f"(again),Queue({FALLBACK_QUEUE},i,,,{FALLBACK_WAIT_S})",
                    "Set(HOTLINE_TRIES=$[${HOTLINE_TRIES} + 1])",
                    f"GotoIf($[!({_EMPTY}) | ${{HOTLINE_TRIES}} >= {EMPTY_TRIES}]?message)",
                    f"MusicOnHold({plan.settings.asterisk.music_class},{EMPTY_WAIT_S})",
                    "Goto(again)",
                    "(message),Playback(vm-nobodyavail&vm-leavemsg&beep)",
                    f"Record(hotline-voicemail/${{HOTLINE_CALL}}.wav,5,{MESSAGE_S},k)",
                    "Playback(auth-thankyou&vm-goodbye)",
                    "(nobody),Hangup()",
                    "(served),Set(TIMEOUT(absolute)=0)",
                    "Playback(vm-goodbye)",
                    "Hangup()",
                ),
            ),
        )
    )
