"""The outgoing trunk: over it goes every call to a number outside, `PJSIP/DIGITS@hotline-out`. Pure.

Nothing comes in over it: the endpoint is dialled without a registration and no address or name identifies it, so an INVITE
from its address is that of a stranger (or of a caller, where `sip.trunk_from` says so). The number that we show is fixed; what
a caller is called or calls from does not leave the house.

Its phones are not asked whether they are there (`qualify`): many providers do not answer that. Where there is no settings
`[outbound] trunk`, there is no endpoint, and a dial of it fails at once.
"""

from hotline.dialling import TRUNK
from telephony.asterisk.config.plan import Plan, host_port, outgoing_address, section

CONTEXT = "hotline-nowhere"
"""Where a call that came in over the outgoing trunk would go: there is no such context."""
NOBODY = "hotline"
"""Whom we show ourselves as when no number of ours is set."""


def endpoint(plan: Plan, common: tuple[str, ...]) -> list[str]:
    """Return the sections of `pjsip.conf`; `common` are the lines that every endpoint has."""
    outbound = plan.settings.outbound
    if not outbound.trunk:
        return []
    host, port = outgoing_address(outbound)
    return [
        section(
            TRUNK,
            "type = endpoint",
            f"context = {CONTEXT}",
            'callerid = "" <0>',
            "identify_by = ip",
            f"from_user = {outbound.caller_number or NOBODY}",
            f"aors = {TRUNK}",
            *common,
        ),
        section(TRUNK, "type = aor", f"contact = sip:{host_port(host, port)}", "qualify_frequency = 0"),
    ]
