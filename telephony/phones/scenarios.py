"""The SIPp scenarios of a caller, of a seat and of its registration. Pure.

Each scenario only reacts: to SIP from Asterisk, and to our own requests (see `wire`). In every state it tolerates every request
of ours and every SIP message that may cross it, so a phone does not break when both sides act at once (hang up while the
other answers, both hang up). Values of a call come from an injection file (a line per phone), never into the XML itself.

An event is logged after what it stands for has been sent: a request of ours that comes in while SIPp is about to send is lost.
Transactions are named (`start_txn`, `response_txn`), because a 200 may answer an INVITE or the CANCEL after it. Branches of
INVITE are written out: CANCEL and the ACK of a refusal must repeat them (RFC 3261, sections 9.1 and 17.1.1.3).
"""

from collections.abc import Iterable, Sequence
from typing import get_args
from xml.sax.saxutils import quoteattr

from telephony.phones.steps import label, log, nop, recv, scenario, send
from telephony.phones.wire import FILE_HEADER, Verb, log_line

FINAL_CODES = (
    300, 301, 302, 305, 380, 400, 401, 402, 403, 404, 405, 406, 407, 408, 410, 413, 414, 415, 416, 420, 421, 422, 423, 433, 480,
    481, 482, 483, 484, 485, 486, 487, 488, 491, 493, 500, 501, 502, 503, 504, 505, 513, 600, 603, 604, 606,
)  # fmt: skip
"""Responses that refuse an INVITE."""
REJECTIONS = {480: "Temporarily Unavailable", 486: "Busy Here", 603: "Decline"}
"""How a seat can refuse."""
REGISTER_EXPIRES_S = 120

_NEVER = "NOTHING"
"""A request that nobody sends: waiting for it keeps a call in its state until an optional message leads out."""
_CALL_VERBS: tuple[Verb, ...] = tuple(v for v in get_args(Verb) if v not in ("RENEW", "LEAVE"))
_MEDIA = "[rtpstream_audio_port]"

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


def register_scenario() -> str:
    """Return the scenario of a registration: register, renew when told, unregister when told. Fields: extension, password."""
    return scenario(
        "register",
        *_register(REGISTER_EXPIRES_S, then="registered"),
        label("registered"),
        nop(log_line("registered", "[field0]")),
        label("idle"),
        *_optional_verbs({"RENEW": "renew", "LEAVE": "leave"}),
        recv(request=_NEVER),
        label("renew"),
        *_register(REGISTER_EXPIRES_S, then="idle"),
        label("leave"),
        *_register(0, then="left"),
        label("left"),
        nop(log_line("unregistered", "[field0]"), next="end"),
        label("denied"),
        nop(log_line("denied", "[field0]", "[$code]")),
        label("end"),
    )


# --- the caller's side --------------------------------------------------------------------------------------------------

_CALLEE = "<sip:[field1]@[remote_ip]:[remote_port]>"
_BRANCH = "z9hG4bK[pid]i[call_number]"


def _request(method: str, uri: str, *headers: str, branch: str = "[branch]", sdp: bool = False) -> str:
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}",
        *headers,
        "Max-Forwards: 70",
    ]
    return _message(lines, sdp)


def _message(lines: Sequence[str], sdp: bool) -> str:
    if not sdp:
        return "\n".join((*lines, "Content-Length: 0", "", ""))
    body = (
        "v=0", "o=- 1 1 IN IP[local_ip_type] [local_ip]", "s=-", "c=IN IP[media_ip_type] [media_ip]", "t=0 0",
        f"m=audio {_MEDIA} RTP/AVP 0 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16",
        "a=ptime:20", "a=sendrecv",
    )  # fmt: skip
    return "\n".join((*lines, "Content-Type: application/sdp", "Content-Length: [len]", "", *body, ""))


def _invite(sender: str) -> list[str]:
    """Send INVITE and wait; `sender` is kept in a variable for the requests that follow."""
    uri = _CALLEE[1:-1]
    message = _request(
        "INVITE", uri, f"From: {sender};tag=[pid]c[call_number]", f"To: {_CALLEE}", "Call-ID: [call_id]", "CSeq: 1 INVITE",
        "Contact: <sip:caller@[local_ip]:[local_port]>", branch=_BRANCH, sdp=True,
    )  # fmt: skip
    keep = (
        f'<assignstr assign_to="sender" value={quoteattr(sender)}/>'
        '<assignstr assign_to="cseq" value="1"/><assignstr assign_to="next_cseq" value="2"/>'
    )
    return [
        send(message, action=keep + log(log_line("calling", "[field0]")), retrans=500, start_txn="invite"),
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
            _request("INVITE", uri, *common, "CSeq: 1 INVITE", contact, branch=first, sdp=True),
            action=keep + log(log_line("calling", "[field0]")),
            retrans=500,
            start_txn="first",
        ),
        recv(response=100, optional=True, response_txn="first"),
        recv(response=401, auth=True, response_txn="first"),
        send(_request("ACK", uri, *common[:1], "[last_To:]", common[2], "CSeq: 1 ACK", branch=first), ack_txn="first"),
        send(
            _request(
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
        *_optional_verbs({"HANGUP": "cancel"}),
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
        action = _KEEP_TO + _code(code)
        yield recv(response=code, optional=True, response_txn="invite", next="refused", action=action)


def _ack(uri: str, branch: str) -> str:
    sender = "From: [$sender];tag=[pid]c[call_number]"
    return _request("ACK", uri, sender, "To:[$to]", "Call-ID: [call_id]", "CSeq: [$cseq] ACK", branch=branch)


def _uac_cancel() -> list[str]:
    """Take the call back before an answer; an answer that crosses the CANCEL is acknowledged and hung up."""
    message = _request(
        "CANCEL", _CALLEE[1:-1], "From: [$sender];tag=[pid]c[call_number]", f"To: {_CALLEE}", "Call-ID: [call_id]",
        "CSeq: [$cseq] CANCEL", branch=_BRANCH,
    )  # fmt: skip
    return [
        label("cancel"),
        send(message, retrans=500, start_txn="cancel"),
        label("cancelling"),
        *(recv(response=c, optional=True, response_txn="cancel") for c in (200, 481)),
        *(recv(response=c, optional=True, response_txn="invite") for c in (100, 180, 183)),
        *_refusals(),
        recv(response=200, optional=True, response_txn="invite", rrs=True, action=_KEEP_TO, next="too late"),
        *_optional_verbs({}),
        recv(request=_NEVER),
        label("too late"),
        send(_ack("[next_url]", "[branch]"), ack_txn="invite", next="hang up"),
    ]


def _uac_bye() -> str:
    sender = "From: [$sender];tag=[pid]c[call_number]"
    return _request("BYE", "[next_url]", sender, "To:[$to]", "Call-ID: [call_id]", "CSeq: [$next_cseq] BYE")


# --- the seat's side ----------------------------------------------------------------------------------------------------


def _uas_response(status: str, *, sdp: bool = False) -> str:
    """Return a response to the INVITE, whatever came after it."""
    contact = "Contact: <sip:[$seat]@[local_ip]:[local_port]>"
    lines = (
        f"SIP/2.0 {status}", "Via:[$via]", "From:[$from]", "To:[$to];tag=[pid]s[call_number]", "Call-ID: [call_id]",
        "CSeq:[$cseq]", contact,
    )  # fmt: skip
    return _message(lines, sdp)


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
        *_optional_verbs({"ANSWER": "answer", **{f"REJECT-{code}": f"reject {code}" for code in REJECTIONS}}),
        recv(request="CANCEL", optional=True, next="cancelled"),
        recv(request=_NEVER),
        label("cancelled"),
        send(_OK),
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
        *_optional_verbs({}),
        recv(request="ACK", action=log(log_line("answered", "[$seat]"))),
        *_talking(),
        label("too late"),
        send(_OK, next="answering"),
    ]


def _uas_refuse() -> list[str]:
    parts = []
    for code, reason in REJECTIONS.items():
        action = log(log_line("refused", "[$seat]", str(code)))
        parts += [
            label(f"reject {code}"),
            send(_uas_response(f"{code} {reason}"), retrans=500),
            recv(request="CANCEL", optional=True),
            *_optional_verbs({}),
            recv(request="ACK", next="over", action=action),
        ]
    return parts


def _uas_bye() -> str:
    sender = "From:[$to];tag=[pid]s[call_number]"
    return _request("BYE", "[next_url]", sender, "To:[$from]", "Call-ID: [call_id]", "CSeq: 1 BYE")


# --- both sides ---------------------------------------------------------------------------------------------------------

_OK = _message(
    ("SIP/2.0 200 OK", "[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]"), sdp=False
)
_OK_SDP = _message(
    (
        "SIP/2.0 200 OK", "[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]",
        "Contact: <sip:phone@[local_ip]:[local_port]>",
    ),
    sdp=True,
)  # fmt: skip


def _talking() -> list[str]:
    """Talk until somebody hangs up; play what we are told to, accept what the other side renegotiates."""
    return [
        label("talking"),
        recv(request="BYE", optional=True, next="hung up"),
        recv(request="INVITE", optional=True, next="renegotiate"),
        recv(request="ACK", optional=True),
        *_optional_verbs({"HANGUP": "hang up", "DIGIT": "digit", "SOUND": "sound"}),
        recv(request=_NEVER),
        label("renegotiate"),
        send(_OK_SDP, next="talking"),
        label("digit"),
        '<nop next="talking"><action><exec rtp_stream="[$file],1,101,iLBC/8000"/></action></nop>',
        label("sound"),
        '<nop next="talking"><action><exec rtp_stream="[$file],-1,0,PCMU/8000"/></action></nop>',
    ]


def _ends(key: str, bye: str) -> list[str]:
    """The last states: hung up by the other side, by us, or by both at once."""
    return [
        label("hung up"),
        send(_OK, next="over", action=log(log_line("over", key, "them"))),
        label("hang up"),
        send(bye, retrans=500, start_txn="bye"),
        label("leaving"),
        *(recv(response=c, optional=True, response_txn="bye", next="left") for c in (200, 408, 481)),
        recv(request="BYE", optional=True, next="crossing"),
        recv(request="ACK", optional=True),
        *_optional_verbs({}),
        recv(request=_NEVER),
        label("crossing"),
        send(_OK, next="leaving"),
        label("left"),
        nop(log_line("over", key, "us")),
        label("over"),
    ]


def _register(expires_s: int, *, then: str) -> list[str]:
    """Register for `expires_s` (0: no longer), answering the challenge; any other answer leads to `denied`."""
    headers = (
        "From: <sip:[field0]@[remote_ip]>;tag=[pid]r[call_number]", "To: <sip:[field0]@[remote_ip]>", "Call-ID: [call_id]",
        "CSeq: [cseq] REGISTER", "Contact: <sip:[field0]@[local_ip]:[local_port]>", f"Expires: {expires_s}",
    )  # fmt: skip
    uri = "sip:[remote_ip]:[remote_port]"
    return [
        send(_request("REGISTER", uri, *headers), retrans=500),
        *_denials(),
        recv(response=401, auth=True),
        send(_request("REGISTER", uri, *headers, "[authentication username=[field0] password=[field1]]"), retrans=500),
        recv(response=401, optional=True, next="denied", action=_code(401)),
        *_denials(),
        recv(response=200, next=then),
    ]


def _denials() -> Iterable[str]:
    for code in (400, 403, 404, 408, 423, 500, 503):
        yield recv(response=code, optional=True, next="denied", action=_code(code))


def _code(code: int) -> str:
    return f'<assignstr assign_to="code" value="{code}"/>'


def _optional_verbs(leads_to: dict[str, str]) -> Iterable[str]:
    """Take every request of ours: some lead to another state, the others are late and change nothing."""
    file = f'<ereg regexp="[^ ].*" search_in="hdr" header="{FILE_HEADER}:" assign_to="file"/>'
    for verb in (*_CALL_VERBS, "RENEW", "LEAVE"):
        action = file if verb in leads_to and verb in ("DIGIT", "SOUND") else ""
        yield recv(request=verb, optional=True, next=leads_to.get(verb), action=action)
