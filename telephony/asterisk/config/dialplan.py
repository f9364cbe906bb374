"""The dialplan: what Asterisk does with a call by itself. Pure.

It keeps a call safe whatever happens to us. Nobody's heartbeat: the static fallback queue at once. In our hands the call
carries a lease (`TIMEOUT(absolute)`) that we renew from outside; when it runs out, the channel goes on at `T`, the
fallback. The lease is cleared before a bridge, which it would cut, and armed again before the call comes back to us.

    hotline-trunk, hotline-seat, hotline-test -> hotline-arrive -> AsyncAGI "arrive" -> (we redirect) hotline-ring
    hotline-ring: Dial -> AsyncAGI "return";  hotline-back: a ring taken back -> AsyncAGI "return"
    every AsyncAGI ends in hotline-fallback: lease over (T) or nobody went on with the call (not_handled)

Extensions at the edge are the digits that we serve, one by one, never a pattern. No variable ever holds what a caller typed:
the number is parsed, filtered and bounded in one expression, the display name travels as base64.
"""

from collections.abc import Iterable, Sequence

from telephony.asterisk.config.plan import Plan, document

FEATURES = ("41", "42", "43", *(f"43{n}" for n in range(1, 10)), "44", "45")
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
        _context("general", "static = yes", "writeprotect = yes", "clearglobalvars = no", "autofallthrough = yes"),
        _context("hotline-trunk", *_lines(_exten(n, *_enter(n, "trunk", _CALLER, _FROM)) for n in numbers)),
        _context("hotline-test", *_lines(_exten(n, *_enter(n, "test", "", "")) for n in numbers)),
        _seat(plan, numbers),
        _arrive(plan),
        _ring(plan),
        _feature(plan),
        _fallback(plan),
    )


def _context(name: str, *lines: str) -> str:
    return "\n".join((f"[{name}]", *lines)) + "\n"


def _exten(name: str, *steps: str) -> list[str]:
    """Return the lines of one extension; a step may start with a `(label)`."""
    first, *others = steps
    return [f"exten = {name},1,{first}", *(f"same = n{s}" if s.startswith("(") else f"same = n,{s}" for s in others)]


def _lines(extensions: Iterable[Sequence[str]]) -> list[str]:
    return [line for lines in extensions for line in lines]


def _stale(plan: Plan) -> str:
    """Return the condition "our last heartbeat is too old"; one from the future counts as old (a clock was set back)."""
    limit = plan.settings.asterisk.heartbeat_stale_s
    return f"$[({_AGE}) > {limit} | ({_AGE}) < -{limit}]"


def _lease(plan: Plan) -> str:
    return f"Set(TIMEOUT(absolute)={plan.settings.asterisk.lease_s:g})"


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
    return _context(
        "hotline-seat",
        *_lines(_exten(n, *_enter(n, "seat", "${CHANNEL(endpoint)}", _FROM)) for n in numbers),
        *_lines(_exten(f"*{code}", f"Goto(hotline-feature,{code},1)") for code in FEATURES),
        *_lines(
            _exten(
                seat, "Set(CALLERID(num)=${CHANNEL(endpoint)})", f"Dial(PJSIP/{seat},{INTERNAL_RING_S},i)", "Hangup()"
            )
            for seat in plan.settings.seats.extensions()
        ),
    )


def _arrive(plan: Plan) -> str:
    limit = plan.settings.asterisk.max_calls
    return _context(
        "hotline-arrive",
        *_exten(
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
        *_exten("T", "Goto(hotline-fallback,lease_expired,1)"),
    )


def _ring(plan: Plan) -> str:
    """Ring one seat, as `HOTLINE_RING` says, and come back. `g`: go on after the seat hangs up; `i`: no forwarding by a phone."""
    come_back = (
        "StopMixMonitor()",
        _lease(plan),
        f"GotoIf({_stale(plan)}?hotline-fallback,no_heartbeat,1)",
    )
    return "\n".join(
        (
            _context(
                "hotline-ring",
                *_exten(
                    "s",
                    "Set(TIMEOUT(absolute)=0)",
                    "Set(ARRAY(__HOTLINE_OFFER,HOTLINE_SEAT,HOTLINE_SECONDS,HOTLINE_MUSIC,HOTLINE_RECORDING)=${HOTLINE_RING})",
                    "Set(CALLERID(name)=${HOTLINE_NAME})",
                    'ExecIf($["${HOTLINE_RECORDING}" != ""]?MixMonitor(${HOTLINE_RECORDING}.raw,bD))',
                    "Dial(PJSIP/${HOTLINE_SEAT},${HOTLINE_SECONDS},gim(${HOTLINE_MUSIC}))",
                    *come_back,
                    "AGI(agi:async,return,${HOTLINE_CALL},${HOTLINE_OFFER},${DIALSTATUS},${HANGUPCAUSE})",
                    "Goto(hotline-fallback,not_handled,1)",
                ),
                *_exten("T", "Goto(hotline-fallback,lease_expired,1)"),
            ),
            _context(
                "hotline-back",
                *_exten(
                    "s",
                    *come_back,
                    "AGI(agi:async,return,${HOTLINE_CALL},${HOTLINE_OFFER},RESCINDED,0)",
                    "Goto(hotline-fallback,not_handled,1)",
                ),
                *_exten("T", "Goto(hotline-fallback,lease_expired,1)"),
            ),
        )
    )


def _feature(plan: Plan) -> str:
    """Feature codes go to us; the answer comes by a redirect to `hotline-feature-done`."""
    return "\n".join(
        (
            _context(
                "hotline-feature",
                *_lines(_exten(code, f"Set(HOTLINE_CODE={code})", "Goto(s,1)") for code in FEATURES),
                *_exten(
                    "s",
                    f"GotoIf({_stale(plan)}?hotline-feature-done,refused,1)",
                    f"Set(TIMEOUT(absolute)={FEATURE_S})",
                    "AGI(agi:async,feature,${CHANNEL(endpoint)},${HOTLINE_CODE})",
                    "Hangup()",
                ),
                *_exten("T", "Goto(hotline-feature-done,refused,1)"),
            ),
            _context(
                "hotline-feature-done",
                *_lines(
                    _exten(word, "Set(TIMEOUT(absolute)=0)", "Answer()", f"Playback({sound})", "Hangup()")
                    for word, sound in FEATURE_SOUNDS.items()
                ),
            ),
        )
    )


def _fallback(_plan: Plan) -> str:
    """The static queue: needs nothing but Asterisk."""
    return "\n".join(
        (
            _context("hotline-release", *_exten("s", "Goto(hotline-fallback,not_handled,1)")),
            _context(
                "hotline-fallback",
                *_lines(_exten(r, f"Set(HOTLINE_REASON={r})", "Goto(s,1)") for r in FALLBACK_REASONS),
                *_exten(
                    "s",
                    "Set(TIMEOUT(absolute)=0)",
                    "StopMixMonitor()",
                    "CELGenUserEvent(HOTLINE_FALLBACK,${HOTLINE_CALL} ${HOTLINE_REASON})",
                    "UserEvent(HotlineFallback,Call: ${HOTLINE_CALL},Reason: ${HOTLINE_REASON})",
                    "Answer()",
                    f"Queue({FALLBACK_QUEUE},i,,,{FALLBACK_WAIT_S})",
                    "Playback(vm-nobodyavail&vm-leavemsg&beep)",
                    f"Record(hotline-voicemail/${{HOTLINE_CALL}}.wav,5,{MESSAGE_S},k)",
                    "Playback(auth-thankyou&vm-goodbye)",
                    "Hangup()",
                ),
            ),
        )
    )
