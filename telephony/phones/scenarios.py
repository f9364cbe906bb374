"""The SIPp scenarios of a caller and of a seat. Pure.

Each scenario only reacts: to SIP from Asterisk, and to our own requests (see `wire`). In every state it tolerates every request
of ours and every SIP message that may cross it, so a phone does not break when both sides act at once (hang up while the
other answers, both hang up). Values of a call come from an injection file (a line per phone), never into the XML itself.

An event is logged after what it stands for has been sent: a request of ours that comes in while SIPp is about to send is lost.
So is a SIP message that comes in then, and whatever SIPp takes ends the repetition of what it sent last. Therefore a state
that waits for an acknowledgement sends again when it is told again (see `PhoneCall.hang_up`).
Transactions are named (`start_txn`, `response_txn`), because a 200 may answer an INVITE or the CANCEL after it. Branches of
INVITE are written out: CANCEL and the ACK of a refusal must repeat them (RFC 3261, sections 9.1 and 17.1.1.3).
"""

from collections.abc import Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import get_args
from xml.sax.saxutils import quoteattr

from telephony.phones.messages import NEVER, OK, OK_SDP, keep_code, message, request, take_verbs
from telephony.phones.steps import label, log, nop, recv, scenario, send
from telephony.phones.wire import Verb, log_line

FINAL_CODES = (
    300, 301, 302, 305, 380, 400, 401, 402, 403, 404, 405, 406, 407, 408, 410, 413, 414, 415, 416, 420, 421, 422, 423, 433, 480,
    481, 482, 483, 484, 485, 486, 487, 488, 491, 493, 500, 501, 502, 503, 504, 505, 513, 600, 603, 604, 606,
)  # fmt: skip
"""Responses that refuse an INVITE."""
NO_MORE: Mapping[str, str] = MappingProxyType({})
_OWN_CSEQ = "[cseq+100]"
"""The number of a request that a seat sends in a call: SIPp counts what a call sends, so each is higher than the one before."""
REJECTIONS = {480: "Temporarily Unavailable", 486: "Busy Here", 603: "Decline"}
"""How a seat can refuse."""


# --- scenarios ----------------------------------------------------------------------------------------------------------


def caller_scenario(*, from_fields: int = 1, account: bool = False) -> str:
    """Return the scenario of a caller. With `account` it calls as a registered seat, so it answers the challenge.

    Fields of the injection file: key, number, then the From header in `from_fields` pieces; with `account` key, number,
    extension, password.
    """
    parts = _challenged_invite() if account else _invite(";".join(f"[field{i + 2}]" for i in range(from_fields)))
    return scenario("caller", *parts, *_talking(), *_uac_cancel(), *_ends("[field0]", _uac_bye()))


def seat_scenario() -> str:
    """Return the scenario of a seat that is called: it rings until told to answer or to refuse, talks until told to hang up."""
    return scenario("seat", *_uas_ring(), *_uas_answer(), *_uas_refuse(), *_ends("[$seat]", _uas_bye()))


# --- the caller's side --------------------------------------------------------------------------------------------------

_CALLEE = "<sip:[field1]@[remote_ip]:[remote_port]>"
_BRANCH = "z9hG4bK[pid]i[call_number]"


def _invite(sender: str) -> list[str]:
    """Send INVITE and wait; `sender` is kept in a variable for the requests that follow."""
    uri = _CALLEE[1:-1]
    text = request(
        "INVITE", uri, f"From: {sender};tag=[pid]c[call_number]", f"To: {_CALLEE}", "Call-ID: [call_id]", "CSeq: 1 INVITE",
        "Contact: <sip:caller@[local_ip]:[local_port]>", branch=_BRANCH, sdp=True,
    )  # fmt: skip
    keep = (
        f'<assignstr assign_to="sender" value={quoteattr(sender)}/>'
        '<assignstr assign_to="cseq" value="1"/><assignstr assign_to="next_cseq" value="2"/>'
    )
    return [
        send(text, action=keep + log(log_line("calling", "[field0]")), retrans=500, start_txn="invite"),
        *_wait(),
    ]


def _challenged_invite() -> list[str]:
    """Send INVITE as a seat: the first try is challenged, the second carries the answer."""
    uri = _CALLEE[1:-1]
    sender = "<sip:[field2]@[remote_ip]>"
    common = (f"From: {sender};tag=[pid]c[call_number]", f"To: {_CALLEE}", "Call-ID: [call_id]")
    contact = "Contact: <sip:[field2]@[local_ip]:[local_port]>"
    first = "z9hG4bK[pid]f[call_number]"
    keep = (
        f'<assignstr assign_to="sender" value={quoteattr(sender)}/>'
        '<assignstr assign_to="cseq" value="2"/><assignstr assign_to="next_cseq" value="3"/>'
    )
    return [
        send(
            request("INVITE", uri, *common, "CSeq: 1 INVITE", contact, branch=first, sdp=True),
            action=keep + log(log_line("calling", "[field0]")),
            retrans=500,
            start_txn="first",
        ),
        recv(response=100, optional=True, response_txn="first"),
        recv(response=401, auth=True, response_txn="first"),
        send(request("ACK", uri, *common[:1], "[last_To:]", common[2], "CSeq: 1 ACK", branch=first), ack_txn="first"),
        send(
            request(
                "INVITE", uri, *common, "CSeq: 2 INVITE", contact,
                "[authentication username=[field2] password=[field3]]", branch=_BRANCH, sdp=True,
            ),
            retrans=500,
            start_txn="invite",
        ),
        *_wait(),
    ]  # fmt: skip


def _wait() -> list[str]:
    """Wait for an answer; a refusal is acknowledged and ends the call."""
    return [
        *(recv(response=c, optional=True, response_txn="invite") for c in (100, 181, 182, 183)),
        recv(response=180, optional=True, response_txn="invite", action=log(log_line("ringing", "[field0]"))),
        *_refusals(),
        *take_verbs({"HANGUP": "cancel"}),
        recv(response=200, response_txn="invite", rrs=True, action=_KEEP_TO),
        send(_ack("[next_url]", "[branch]"), ack_txn="invite"),
        nop(log_line("answered", "[field0]"), next="talking"),
        label("refused"),
        send(_ack(_CALLEE[1:-1], _BRANCH), ack_txn="invite"),
        nop(log_line("refused", "[field0]", "[$code]"), next="over"),
    ]


_KEEP_TO = '<ereg regexp=".*" search_in="hdr" header="To:" assign_to="to"/>'


def _refusals() -> Iterable[str]:
    for code in FINAL_CODES:
        action = _KEEP_TO + keep_code(code)
        yield recv(response=code, optional=True, response_txn="invite", next="refused", action=action)


def _ack(uri: str, branch: str) -> str:
    sender = "From: [$sender];tag=[pid]c[call_number]"
    return request("ACK", uri, sender, "To:[$to]", "Call-ID: [call_id]", "CSeq: [$cseq] ACK", branch=branch)


def _uac_cancel() -> list[str]:
    """Take the call back before an answer; an answer that crosses the CANCEL is acknowledged and hung up."""
    text = request(
        "CANCEL", _CALLEE[1:-1], "From: [$sender];tag=[pid]c[call_number]", f"To: {_CALLEE}", "Call-ID: [call_id]",
        "CSeq: [$cseq] CANCEL", branch=_BRANCH,
    )  # fmt: skip
    return [
        label("cancel"),
        send(text, retrans=500, start_txn="cancel"),
        label("cancelling"),
        *(recv(response=c, optional=True, response_txn="cancel") for c in (200, 481)),
        *(recv(response=c, optional=True, response_txn="invite") for c in (100, 180, 183)),
        *_refusals(),
        recv(response=200, optional=True, response_txn="invite", rrs=True, action=_KEEP_TO, next="too late"),
        *take_verbs({"HANGUP": "cancel"}),
        recv(request=NEVER),
        label("too late"),
        send(_ack("[next_url]", "[branch]"), ack_txn="invite", next="hang up"),
    ]


def _uac_bye() -> str:
    sender = "From: [$sender];tag=[pid]c[call_number]"
    return request("BYE", "[next_url]", sender, "To:[$to]", "Call-ID: [call_id]", "CSeq: [$next_cseq] BYE")


# --- the seat's side ----------------------------------------------------------------------------------------------------


def _uas_response(status: str, *, sdp: bool = False) -> str:
    """Return a response to the INVITE, whatever came after it."""
    contact = "Contact: <sip:[$seat]@[local_ip]:[local_port]>"
    lines = (
        f"SIP/2.0 {status}", "Via:[$via]", "From:[$from]", "To:[$to];tag=[pid]s[call_number]", "Call-ID: [call_id]",
        "CSeq:[$cseq]", contact,
    )  # fmt: skip
    return message(lines, sdp=sdp)


def _uas_ring() -> list[str]:
    kept = "".join(
        f'<ereg regexp=".*" search_in="hdr" header="{name}:" assign_to="{name.lower()}"/>'
        for name in ("Via", "From", "To", "CSeq")
    )
    seat = '<ereg regexp="INVITE sip:([0-9]+)@" search_in="msg" check_it="true" assign_to="ignored,seat"/>'
    return [
        recv(request="INVITE", rrs=True, action=kept + seat),
        send(_uas_response("180 Ringing"), action=log(log_line("ringing", "[$seat]", "[$from]"))),
        label("ringing"),
        *take_verbs({"ANSWER": "answer", **{f"REJECT-{code}": f"reject {code}" for code in REJECTIONS}}),
        recv(request="CANCEL", optional=True, next="cancelled"),
        recv(request=NEVER),
        label("cancelled"),
        send(OK),
        send(_uas_response("487 Request Terminated"), retrans=500),
        recv(request="ACK", next="over", action=log(log_line("refused", "[$seat]", "487"))),
        '<Reference variables="ignored"/>',
    ]


def _uas_answer() -> list[str]:
    return [
        label("answer"),
        send(_uas_response("200 OK", sdp=True), retrans=500),
        label("answering"),
        recv(request="CANCEL", optional=True, next="too late"),
        recv(request="BYE", optional=True, next="hung up"),  # somebody else answered in the same moment
        *take_verbs({"HANGUP": "answer"}),
        recv(request="ACK", action=log(log_line("answered", "[$seat]"))),
        *_talking({"HOLD": "hold", "UNHOLD": "unhold", "TRANSFER": "transfer"}),
        *_renegotiations(),
        *_transfer(),
        label("too late"),
        send(OK, next="answering"),
    ]


def _uas_refuse() -> list[str]:
    parts = []
    for code, reason in REJECTIONS.items():
        action = log(log_line("refused", "[$seat]", str(code)))
        parts += [
            label(f"reject {code}"),
            send(_uas_response(f"{code} {reason}"), retrans=500),
            recv(request="CANCEL", optional=True),
            *take_verbs({f"REJECT-{other}": f"reject {code}" for other in REJECTIONS}),
            recv(request="ACK", next="over", action=action),
        ]
    return parts


def _uas_bye() -> str:
    sender = "From:[$to];tag=[pid]s[call_number]"
    return request("BYE", "[next_url]", sender, "To:[$from]", "Call-ID: [call_id]", f"CSeq: {_OWN_CSEQ} BYE")


# --- both sides ---------------------------------------------------------------------------------------------------------


def _renegotiations() -> list[str]:
    """The seat puts the other side on hold, or takes it back: a new offer of a session in the same dialogue (RFC 3264, section 8.4)."""
    parts = []
    for name, media in (("hold", "sendonly"), ("unhold", "sendrecv")):
        head = ("From:[$to];tag=[pid]s[call_number]", "To:[$from]", "Call-ID: [call_id]")
        contact = "Contact: <sip:[$seat]@[local_ip]:[local_port]>"
        again = request("INVITE", "[next_url]", *head, f"CSeq: {_OWN_CSEQ} INVITE", contact, sdp=True, media=media)
        parts += [
            label(name),
            send(again, retrans=500, start_txn=name),
            recv(response=100, optional=True, response_txn=name),
            *take_verbs({}),
            recv(response=200, response_txn=name),
            send(request("ACK", "[next_url]", *head, f"CSeq: {_OWN_CSEQ} ACK"), ack_txn=name, next="talking"),
        ]
    return parts


REFER_CODES = (200, 202, 400, 403, 404, 405, 420, 481, 488, 501, 503, 603)
"""Answers to a REFER."""


def _transfer() -> list[str]:
    """The seat asks Asterisk to hand the other side on (RFC 3515), and learns whether it may."""
    head = ("From:[$to];tag=[pid]s[call_number]", "To:[$from]", "Call-ID: [call_id]", f"CSeq: {_OWN_CSEQ} REFER")
    contact = "Contact: <sip:[$seat]@[local_ip]:[local_port]>"
    to = "Refer-To: <sip:[$file]@[remote_ip]:[remote_port]>"
    answers = [
        recv(response=code, optional=True, response_txn="refer", action=keep_code(code), next="referred")
        for code in REFER_CODES
    ]
    return [
        label("transfer"),
        send(request("REFER", "[next_url]", *head, contact, to), retrans=500, start_txn="refer"),
        *answers,
        *take_verbs({}),
        recv(request=NEVER),
        label("referred"),
        nop(log_line("referred", "[$seat]", "[$code]"), next="talking"),
    ]


def _talking(more: Mapping[str, str] = NO_MORE) -> list[str]:
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


GOODBYE_MS = 500
"""How long a goodbye waits for its answer before it is said again."""
BYE_CODES = (200, 400, 408, 481)
"""Answers to a BYE, all of which end the call. 400: Asterisk still remembers our first BYE, and this one has a higher number."""


def _ends(key: str, bye: str) -> list[str]:
    """The last states: hung up by the other side, by us, or by both at once.

    A goodbye without an answer is said anew rather than repeated: while SIPp repeats something it sends nothing else.
    Whatever else comes in leads back to `leaving`, where the time limit begins again: a message that SIPp
    takes ends it, and of the answers it waits for, only the first one's limit counts.
    """
    first, *more = BYE_CODES
    answered = partial(recv, optional=True, response_txn="bye", next="left")
    return [
        label("hung up"),
        send(OK, next="over", action=log(log_line("over", key, "them"))),
        label("hang up"),
        send(bye, start_txn="bye"),
        label("leaving"),
        answered(response=first, timeout=GOODBYE_MS, ontimeout="hang up"),
        *(answered(response=code) for code in more),
        recv(request="BYE", optional=True, next="crossing"),
        recv(request="ACK", optional=True, next="leaving"),
        *take_verbs({**dict.fromkeys(get_args(Verb), "leaving"), "HANGUP": "hang up"}),
        recv(request=NEVER),
        label("crossing"),  # their BYE says what our answer would: a 200 that comes while we send would be lost
        send(OK),
        label("left"),
        nop(log_line("over", key, "us")),
        label("over"),
    ]
