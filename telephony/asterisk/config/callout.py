"""Calls that we make for callbacks. Pure.

A callback's call is a Local channel. One half, `hotline-callback`, is the call itself: it arrives like a caller's, waits in AsyncAGI, rings
agents, is recorded and comes back. The other half, `hotline-callout`, is the customer's: it dials him over the outgoing trunk and is bridged
with him. So nothing else in the house has to know that the caller was called; and either half ends when the other one does.

`HOTLINE_CALLOUT` holds what both must know, in `PARTS`. Who is called `first`? `customer`: he is dialled at once. `agent`: the customer's half waits until we send it to
`dial`, when an agent has answered. If we are dead then, it gives up after `PATIENCE_S` and the agent is free: nobody is called for nobody.

Whoever is not dialled yet is nobody: a half that nobody of ours looks after does not go to the fallback queue, it ends
(`hotline-callback` has its own `T`), and the callback is tried again. A customer who has answered is a caller like any other.
"""

from hotline.dialling import TRUNK
from telephony.asterisk.config.plan import Plan
from telephony.asterisk.config.steps import context, extension

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


def _line(stale: str, lease: str) -> str:
    """The half that is the call. It is nobody as long as the customer has not answered: then its end is that of an attempt."""
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
            "(gone),Hangup()",
        ),
        *extension("T", "Hangup()"),
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
            # Sent here twice, he is still dialled once.
            'GotoIf($["${HOTLINE_DIALLED}" = "1"]?over)',
            "Set(HOTLINE_DIALLED=1)",
            f"Dial(PJSIP/{_part(DIGITS)}@{TRUNK},{_part(SECONDS)},riU({CALLOUT}-met^{_part(CALL)}))",
            'GotoIf($["${DIALSTATUS}" = "ANSWER"]?over)',
            f"UserEvent(HotlineCallout,Call: {_part(CALL)},Status: ${{DIALSTATUS}},Cause: ${{HANGUPCAUSE}})",
            f'ExecIf($["{_part(FIRST)}" = "agent"]?Playback({UNSERVED}))',
            "(over),Hangup(${HANGUPCAUSE})",
        ),
    )


def _met() -> str:
    """Run on the customer's channel when he has answered, before he hears anything."""
    return context(
        f"{CALLOUT}-met",
        *extension("s", "UserEvent(HotlineCallout,Call: ${ARG1},Status: ANSWER,Cause: 16)", "Return()"),
    )
