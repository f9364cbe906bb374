"""What a phone of either kind does once it is answered, as parts of a SIPp scenario: talk, hold, hand on, end. Pure."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from telephony.phones.messages import (
    AGAIN_MS,
    FINAL_CODES,
    NEVER,
    OK,
    OK_SDP,
    request,
    take_verbs,
    take_verbs_again,
)
from telephony.phones.steps import label, log, nop, recv, send
from telephony.phones.wire import log_line

NO_MORE: Mapping[str, str] = MappingProxyType({})
OWN_CSEQ = "[cseq+100]"
"""The number of a request that a seat sends in a call: SIPp counts what a call sends, so each is higher than the one before."""


def renegotiations() -> list[str]:
    """The seat puts the other side on hold, or takes it back: a new offer of a session in the same dialogue (RFC 3264, section 8.4).

    An offer that is refused changes nothing; a goodbye that crosses it ends the call.
    """
    parts = []
    for name, media in (("hold", "sendonly"), ("unhold", "sendrecv")):
        head = ("From:[$to];tag=[pid]s[call_number]", "To:[$from]", "Call-ID: [call_id]")
        contact = "Contact: <sip:[$seat]@[local_ip]:[local_port]>"
        branch = f"z9hG4bK[pid]{name}[call_number]"
        again = request(
            "INVITE", "[next_url]", *head, f"CSeq: {OWN_CSEQ} INVITE", contact, branch=branch, sdp=True, media=media
        )
        acknowledge = partial(request, "ACK", "[next_url]", *head, f"CSeq: {OWN_CSEQ} ACK")
        parts += [
            label(name),
            send(again, retrans=500, start_txn=name),
            recv(response=100, optional=True, response_txn=name),
            recv(request="BYE", optional=True, next="hung up"),
            *(recv(response=c, optional=True, response_txn=name, next=f"no {name}") for c in FINAL_CODES),
            *take_verbs({}),
            recv(response=200, response_txn=name),
            send(acknowledge(), ack_txn=name, next="talking"),
            label(f"no {name}"),
            send(acknowledge(branch=branch), ack_txn=name, next="talking"),
        ]
    return parts


REFER_CODES = (200, 202, 400, 403, 404, 405, 420, 481, 488, 501, 503, 603)
"""Answers to a REFER."""
REFER_MS = 3000
"""How long a transfer waits for its answer; a call that is over gets none."""


def transfer() -> list[str]:
    """The seat asks Asterisk to hand the other side on (RFC 3515), and learns whether it may.

    It is asked once, or it might do it twice. A goodbye that comes before the answer is not heard, so Asterisk says it again.
    """
    head = ("From:[$to];tag=[pid]s[call_number]", "To:[$from]", "Call-ID: [call_id]", f"CSeq: {OWN_CSEQ} REFER")
    contact = "Contact: <sip:[$seat]@[local_ip]:[local_port]>"
    to = "Refer-To: <sip:[$file]@[remote_ip]:[remote_port]>"
    answers = [
        recv(
            response=code,
            optional=True,
            response_txn="refer",
            action=log(log_line("referred", "[$seat]", str(code))),
            next="talking",
        )
        for code in REFER_CODES
    ]
    return [
        label("transfer"),
        send(request("REFER", "[next_url]", *head, contact, to), start_txn="refer"),
        label("referring"),
        recv(
            response=100, optional=True, response_txn="refer", next="referring", timeout=REFER_MS, ontimeout="talking"
        ),
        *answers,
        *take_verbs({}),
        recv(request=NEVER),
    ]


def talking(more: Mapping[str, str] = NO_MORE) -> list[str]:
    """Talk until somebody hangs up; play what we are told to, accept what the other side renegotiates."""
    return [
        label("talking"),
        recv(request="BYE", optional=True, next="hung up"),
        recv(request="INVITE", optional=True, next="renegotiate"),
        recv(request="ACK", optional=True),
        *take_verbs({"HANGUP": "hang up", "DIGIT": "digit", "SOUND": "sound", **more}),
        recv(request=NEVER),
        label("renegotiate"),
        send(OK_SDP, next="talking"),
        label("digit"),
        '<nop next="talking"><action><exec rtp_stream="[$file],1,101,iLBC/8000"/></action></nop>',
        label("sound"),
        '<nop next="talking"><action><exec rtp_stream="[$file],-1,0,PCMU/8000"/></action></nop>',
    ]


BYE_CODES = (200, 400, 408, 481)
"""Answers to a BYE, all of which end the call. 400: Asterisk still remembers our first BYE, and this one has a higher number."""


def ends(key: str, bye: str) -> list[str]:
    """The last states: hung up by the other side, by us, or by both at once."""
    first, *more = BYE_CODES
    answered = partial(recv, optional=True, response_txn="bye", next="left")
    return [
        label("hung up"),
        send(OK, next="over", action=log(log_line("over", key, "them"))),
        label("hang up"),
        send(bye, start_txn="bye"),
        label("leaving"),
        answered(response=first, timeout=AGAIN_MS, ontimeout="hang up"),
        *(answered(response=code) for code in more),
        recv(request="BYE", optional=True, next="crossing"),
        recv(request="ACK", optional=True, next="leaving"),
        *take_verbs_again("leaving", {"HANGUP": "hang up"}),
        recv(request=NEVER),
        label("crossing"),  # their BYE says what our answer would: a 200 that comes while we send would be lost
        send(OK),
        label("left"),
        nop(log_line("over", key, "us")),
        label("over"),
    ]
