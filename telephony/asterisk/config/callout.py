"""Calls that we make for callbacks. Pure.

A callback's call is a Local channel. One half, `hotline-callback`, is the call itself: it arrives like a caller's, waits in AsyncAGI, rings
agents, is recorded and comes back. The other half, `hotline-callout`, is the customer's: it dials him over the outgoing trunk and is bridged
with him. So nothing else in the house has to know that the caller was called; and either half ends when the other one does.

`HOTLINE_CALLOUT` holds what both must know, in `PARTS`. Who is called `first`? `customer`: he is dialled at once. `agent`: the customer's half waits until we send it to
`dial`, when an agent has answered. If we are dead then, it gives up after `PATIENCE_S` and the agent is free: nobody is called for nobody.

Who has not answered yet is nobody: when nobody of ours looks after such a call it ends instead of ringing phones in the fallback queue
(`nobody`), and the callback is tried again. A customer who has answered is a caller like any other, and served there.
"""

from hotline.dialling import TRUNK
from telephony.asterisk.config.plan import Plan
from telephony.asterisk.config.steps import HANG_UP_AS_DIALLED, context, extension

CALLBACK, CALLOUT = "hotline-callback", "hotline-callout"
PATIENCE_S = 3600
"""How long the customer's half waits for an agent."""
UNSERVED = "vm-nobodyavail"
"""What an agent hears when the customer did not answer."""


FIRST, CALL, DIGITS, SECONDS, OURS = PARTS = range(1, 6)
"""Who is first, the call's id, the customer's number, how long he is rung, and the number of ours that he had called."""
SEPARATOR = "~"


def _part(n: int) -> str:
    """Return the expression of a part of `HOTLINE_CALLOUT`; none holds more than letters, digits and `._:-`."""
    return f"${{CUT(HOTLINE_CALLOUT,{SEPARATOR},{n})}}"


def contexts(plan: Plan, stale: str, lease: str) -> list[str]:
    """Return the contexts; none where there is no outgoing trunk. `stale` and `lease` are those of arriving calls."""
    if not plan.settings.outbound.trunk:
        return []
    return [_line(stale, lease), _customer(), _met()]


def nobody(plan: Plan, label: str) -> tuple[str, ...]:
    """Return the step that sends a call of ours to `label` if its customer has not answered; none where no calls are made.

    What came of dialling him stands on the other half, whose name differs by its last digit.
    """
    if not plan.settings.outbound.trunk:
        return ()
    other = r"${CUT(CHANNEL,\;,1)}\;2"
    return (f'GotoIf($["${{HOTLINE_ORIGIN}}" = "callback" & "${{IMPORT({other},DIALSTATUS)}}" != "ANSWER"]?{label})',)


def _line(stale: str, lease: str) -> str:
    """The half that is the call."""
    return context(
        CALLBACK,
        *extension(
            "s",
            f"Set(__HOTLINE_CALL={_part(CALL)})",
            f"Set(HOTLINE_NUMBER={_part(OURS)})",
            f"Set(CALLERID(num)={_part(DIGITS)})",
            "Set(HOTLINE_ORIGIN=callback)",
            "Set(HOTLINE_ARRIVED=${EPOCH})",
            "Set(CALLERID(name)=)",
            "CELGenUserEvent(HOTLINE_ARRIVED,${HOTLINE_CALL} ${HOTLINE_NUMBER} callback)",
            f"GotoIf({stale}?gone)",
            lease,
            "AGI(agi:async,arrive,${HOTLINE_CALL},${HOTLINE_NUMBER},${CALLERID(num)},,callback)",
            "Goto(hotline-fallback,not_handled,1)",
            "(gone),Hangup()",
        ),
        *extension("T", "Goto(hotline-fallback,lease_expired,1)"),
    )


def _customer() -> str:
    """The half that is the customer's."""
    return context(
        CALLOUT,
        *extension(
            "s",
            "Answer()",
            f'GotoIf($["{_part(FIRST)}" = "customer"]?dial,1)',
            f"Wait({PATIENCE_S})",
            "Hangup()",
        ),
        *extension(
            "dial",
            # Sent here twice, he is still dialled once. `I`: who answers does not change the number that agents are shown.
            'GotoIf($["${HOTLINE_DIALLED}" = "1"]?over)',
            "Set(HOTLINE_DIALLED=1)",
            f"Dial(PJSIP/{_part(DIGITS)}@{TRUNK},{_part(SECONDS)},riIU({CALLOUT}-met^{_part(CALL)}))",
            'GotoIf($["${DIALSTATUS}" = "ANSWER"]?over)',
            f"UserEvent(HotlineCallout,Call: {_part(CALL)},Status: ${{DIALSTATUS}},Cause: ${{HANGUPCAUSE}})",
            f'ExecIf($["{_part(FIRST)}" = "agent"]?Playback({UNSERVED}))',
            f"(over),{HANG_UP_AS_DIALLED}",
        ),
    )


def _met() -> str:
    """Run on the customer's channel when he has answered, before he hears anything."""
    return context(
        f"{CALLOUT}-met",
        *extension("s", "UserEvent(HotlineCallout,Call: ${ARG1},Status: ANSWER,Cause: 16)", "Return()"),
    )
