"""The other nodes of the same hotline: a SIP trunk to each, and what it may do here. Pure.

A caller of one node is served by a seat of another: his own node dials `SEAT@peer-NODE`, and the seat's node rings the phone
and hands every ending back with its cause. The call, its recording and its facts stay with the caller's node; here it
has no id and nobody is told.

Each side shows itself as `peer-` and its own name and proves it by the secret that both have (digest authentication). It may
dial seats and nothing else. What it says of its caller stands in three headers of ours, and is rebuilt here from harmless
characters: his number, his name (in base64, so that it survives every script) and how long the phone shall ring, so that it
does not ring on when that node dies.
"""

import base64

from hotline.settings import Peer
from telephony.asterisk.config.plan import Plan, host_port, section
from telephony.asterisk.config.steps import BUSY_CAUSE, HANG_UP_AS_DIALLED, context, extension, in_use, lines
from telephony.seats import peer_name

CONTEXT = "hotline-peer"
LONGEST_RING_S = 120
"""How long a seat rings at the most for a caller of another node, whatever that says."""
GRACE_S = 2
"""How much longer than asked for a seat rings: the caller's node ends a ring first, unless it is dead."""

QUALIFY_S = 5
KEEPALIVE_S = 5
SILENCE_S = 20
"""A conversation over the trunk of which nothing is heard for so long is over: the other node is dead. A node that has
nothing to say sends a sign of life each `KEEPALIVE_S`, so a silent caller is not taken for one."""

NAME_BYTES = 240
NUMBER_DIGITS = 32
# Letters, digits, blank, `& ' ( ) , - . / _`, and every byte of other scripts; their control characters were taken out by
# `hotline.text.clean_name` where the call arrived. In hexadecimal where a sign means something in an argument.
_NAME_CHARACTERS = r"0-9A-Za-z_\x20\x26-\x29\x2c-\x2f\x80-\xff"

# The name is sent with a colon before it, which no name may have: Asterisk complains about an empty text to encode.
_NO_NAME = base64.b64encode(b":").decode()

_NUMBER, _NAME, _RING = "X-Hotline-Number", "X-Hotline-Name", "X-Hotline-Ring"


def endpoints(plan: Plan, common: tuple[str, ...]) -> list[str]:
    """Return the sections of `pjsip.conf` for all peers; `common` are the lines that every endpoint has."""
    own = plan.settings.asterisk.node
    return [part for peer in plan.settings.asterisk.peers for part in _endpoint(peer, own, common)]


def _endpoint(peer: Peer, own: str, common: tuple[str, ...]) -> list[str]:
    name, me, secret = peer_name(peer.node), peer_name(own), peer.secret.get_secret_value()
    return [
        section(
            name,
            "type = endpoint",
            f"context = {CONTEXT}",
            'callerid = "" <0>',
            "identify_by = username",
            f"from_user = {me}",
            f"auth = {name}",
            f"outbound_auth = {name}-out",
            f"aors = {name}",
            f"rtp_keepalive = {KEEPALIVE_S}",
            f"rtp_timeout = {SILENCE_S}",
            f"rtp_timeout_hold = {SILENCE_S}",
            # A phone's hold key is passed on to the caller's node, which plays the music and knows of it.
            "moh_passthrough = yes",
            *common,
        ),
        section(name, "type = auth", "auth_type = digest", f"username = {name}", f"password = {secret}"),
        section(f"{name}-out", "type = auth", "auth_type = digest", f"username = {me}", f"password = {secret}"),
        section(
            name,
            "type = aor",
            f"contact = sip:{host_port(peer.host, peer.port)}",
            f"qualify_frequency = {QUALIFY_S}",
            "qualify_timeout = 3.0",
        ),
    ]


def contexts(plan: Plan) -> list[str]:
    """Return the contexts of the dialplan: what peers may dial, how a seat is rung for them, and what we tell them."""
    if not plan.settings.asterisk.peers:
        return []
    seats = plan.settings.seats.extensions()
    return [
        context(
            CONTEXT,
            *lines(extension(s, f"Set(HOTLINE_SEAT={s})", f"Goto({CONTEXT}-ring,s,1)") for s in seats),
        ),
        context(f"{CONTEXT}-ring", *extension("s", *_ring())),
        context(
            f"{CONTEXT}-out",
            *extension(
                "s",
                *(f"Set(PJSIP_HEADER(add,{h})=${{ARG{n}}})" for n, h in enumerate((_RING, _NUMBER, _NAME), start=1)),
                "Return()",
            ),
        ),
    ]


def _ring() -> tuple[str, ...]:
    """Ring a seat for another node, and hang up with the cause that the phone gave: there it means the same as here."""
    packed = "${IF(${ISNULL(${HOTLINE_NAME})}?" + _NO_NAME + ":${HOTLINE_NAME})}"
    asked = "0${HOTLINE_SECONDS}"
    return (
        f"Set(CALLERID(num)=${{FILTER(0-9+*#,${{PJSIP_HEADER(read,{_NUMBER})}}):0:{NUMBER_DIGITS}}})",
        f"Set(HOTLINE_NAME=${{PJSIP_HEADER(read,{_NAME}):0:{2 * NAME_BYTES}}})",
        f"Set(CALLERID(name)=${{FILTER({_NAME_CHARACTERS},${{BASE64_DECODE({packed})}}):0:{NAME_BYTES}}})",
        f"Set(HOTLINE_SECONDS=${{FILTER(0-9,${{PJSIP_HEADER(read,{_RING})}}):0:3}})",
        f"ExecIf($[{asked} < 1 | {asked} > {LONGEST_RING_S}]?Set(HOTLINE_SECONDS={LONGEST_RING_S}))",
        f"GotoIf({in_use('${HOTLINE_SEAT}')}?busy)",
        f"Dial(PJSIP/${{HOTLINE_SEAT}},$[${{HOTLINE_SECONDS}} + {GRACE_S}],i)",
        'GotoIf($["${DIALSTATUS}" = "BUSY"]?busy)',
        HANG_UP_AS_DIALLED,
        f"(busy),Hangup({BUSY_CAUSE})",
    )


def tell(seconds: str) -> str:
    """Return the option of `Dial` that tells a peer for whom its seat rings, and how long."""
    number, name = "${FILTER(0-9+*#,${CALLERID(num)})}", "${BASE64_ENCODE(:${CALLERID(name)})}"
    return f"b({CONTEXT}-out^s^1({seconds}^{number}^{name}))"
