"""The SIPp scenarios of a caller and of a seat. Pure.

Each scenario only reacts: to SIP from Asterisk, and to our own requests (see `wire`). In every state it tolerates every request
of ours and every SIP message that may cross it, so a phone does not break when both sides act at once (hang up while the
other answers, both hang up). Values of a call come from an injection file (a line per phone), never into the XML itself.

An event is logged after what it stands for has been sent: a request of ours that comes in while SIPp is about to send is lost.
So is a SIP message that comes in then. While SIPp repeats a message by itself (`retrans`) it sends nothing else: it only stops
for an answer, and an answer that comes in while it waits to send is lost too, so the call would hang for ever. Therefore only a state
that no request of ours leads out of lets SIPp repeat; the others have a time limit after which they say it again
(`AGAIN_MS`), and whatever else comes in leads back to their beginning, where that limit begins again: a message that SIPp
takes ends it, and of the messages it waits for, only the first one's limit counts. What insists (see
`PhoneCall.hang_up`) has it said again at once.

Transactions are named (`start_txn`, `response_txn`), but SIPp knows them by their branch alone, and CANCEL has that of its INVITE: whether
a 200 answers the one or the other is seen from its CSeq. Branches of INVITE are written out: CANCEL and the ACK of a refusal must
repeat them (RFC 3261, sections 9.1 and 17.1.1.3).
"""

from collections.abc import Iterable
from functools import partial
from xml.sax.saxutils import quoteattr

from telephony.phones.conversation import OWN_CSEQ, ends, renegotiations, talking, transfer
from telephony.phones.messages import (
    AGAIN_MS,
    FINAL_CODES,
    NEVER,
    keep_code,
    message,
    request,
    take_verbs,
    take_verbs_again,
)
from telephony.phones.steps import label, log, nop, recv, scenario, send
from telephony.phones.wire import log_line

PROVISIONAL_CODES = (100, 180, 181, 182, 183)
REJECTIONS = {480: "Temporarily Unavailable", 486: "Busy Here", 603: "Decline"}
"""How a seat can refuse."""
_REJECT = tuple(f"REJECT-{code}" for code in REJECTIONS)


# --- scenarios ----------------------------------------------------------------------------------------------------------


def caller_scenario(*, from_fields: int = 1, account: bool = False) -> str:
    """Return the scenario of a caller. With `account` it calls as a registered seat, so it answers the challenge.

    Fields of the injection file: key, number, then the From header in `from_fields` pieces; with `account` key, number,
    extension, password.
    """
    parts = _challenged_invite() if account else _invite(";".join(f"[field{i + 2}]" for i in range(from_fields)))
    return scenario("caller", *parts, *talking(), *_uac_cancel(), *ends("[field0]", _uac_bye()))


def seat_scenario() -> str:
    """Return the scenario of a seat that is called: it rings until told to answer or to refuse, talks until told to hang up."""
    return scenario("seat", *_uas_ring(), *_uas_answer(), *_uas_refuse(), *ends("[$seat]", _uas_bye()))


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
    """Wait for an answer; a refusal is acknowledged and ends the call.

    Before the first answer there is nothing to cancel (RFC 3261, section 9.1), and SIPp still repeats the INVITE: who hangs up
    then waits for it.
    """
    accepted = partial(recv, response=200, response_txn="invite", rrs=True, action=_KEEP_TO)
    return [
        *_provisional(next="proceeding"),
        *_refusals(),
        accepted(optional=True, next="accepted"),
        *take_verbs({"HANGUP": "taken back"}),
        recv(request=NEVER),
        label("taken back"),
        *_provisional(next="cancel"),
        *_refusals(),
        accepted(optional=True, next="too late"),
        *take_verbs({}),
        recv(request=NEVER),
        label("proceeding"),
        *_provisional(),
        *_refusals(),
        *take_verbs({"HANGUP": "cancel"}),
        accepted(),
        label("accepted"),
        send(_ack("[next_url]", "[branch]"), ack_txn="invite"),
        nop(log_line("answered", "[field0]"), next="talking"),
        label("refused"),
        send(_ack(_CALLEE[1:-1], _BRANCH), ack_txn="invite"),
        nop(log_line("refused", "[field0]", "[$code]"), next="over"),
    ]


def _provisional(next: str | None = None) -> Iterable[str]:  # noqa: A002 - SIPp's name of the attribute
    """Take the answers that are not the last."""
    for code in PROVISIONAL_CODES:
        action = log(log_line("ringing", "[field0]")) if code == 180 else ""
        yield recv(response=code, optional=True, response_txn="invite", next=next, action=action)


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
    kept = _KEEP_TO + '<ereg regexp="INVITE" search_in="hdr" header="CSeq:" assign_to="accepted"/>'
    return [
        label("cancel"),
        send(text, start_txn="cancel"),
        label("cancelling"),
        recv(
            response=481, optional=True, response_txn="cancel", next="cancelling", timeout=AGAIN_MS, ontimeout="cancel"
        ),
        recv(
            response=200, optional=True, response_txn="invite", rrs=True, action=kept, next="too late", test="accepted"
        ),
        *_provisional(next="cancelling"),
        *_refusals(),
        *take_verbs_again("cancelling", {"HANGUP": "cancel"}),
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


_OK_CANCEL = message(
    (
        "SIP/2.0 200 OK", "Via:[$via]", "From:[$from]", "To:[$to];tag=[pid]s[call_number]", "Call-ID: [call_id]",
        "CSeq: [$number] CANCEL",
    ),
    sdp=False,
)  # fmt: skip
"""The answer to a CANCEL, which has the headers of its INVITE. Those of the last message would be another's: a BYE that comes in before this is
sent would be answered by it although nobody has heard it."""


def _uas_ring() -> list[str]:
    kept = "".join(
        f'<ereg regexp=".*" search_in="hdr" header="{name}:" assign_to="{name.lower()}"/>'
        for name in ("Via", "From", "To", "CSeq")
    )
    kept += '<ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" assign_to="number"/>'
    seat = '<ereg regexp="INVITE sip:([0-9]+)@" search_in="msg" check_it="true" assign_to="ignored,seat"/>'
    return [
        recv(request="INVITE", rrs=True, action=kept + seat),
        send(_uas_response("180 Ringing"), action=log(log_line("ringing", "[$seat]", "[$from]"))),
        label("ringing"),
        *take_verbs({"ANSWER": "answer", **{f"REJECT-{code}": f"reject {code}" for code in REJECTIONS}}),
        recv(request="CANCEL", optional=True, next="cancelled"),
        recv(request=NEVER),
        label("cancelled"),
        send(_OK_CANCEL),
        send(_uas_response("487 Request Terminated"), retrans=500),
        recv(request="ACK", next="over", action=log(log_line("refused", "[$seat]", "487"))),
        '<Reference variables="ignored"/>',
    ]


def _uas_answer() -> list[str]:
    return [
        label("answer"),
        send(_uas_response("200 OK", sdp=True)),
        label("answering"),
        recv(request="CANCEL", optional=True, next="too late", timeout=AGAIN_MS, ontimeout="answer"),
        recv(request="BYE", optional=True, next="hung up"),  # somebody else answered in the same moment
        *take_verbs_again("answering", {"HANGUP": "answer", **dict.fromkeys(_REJECT, "answer")}),
        recv(request="ACK", action=log(log_line("answered", "[$seat]"))),
        *talking({"HOLD": "hold", "UNHOLD": "unhold", "TRANSFER": "transfer"}),
        *renegotiations(),
        *transfer(),
        label("too late"),
        send(_OK_CANCEL, next="answering"),
    ]


def _uas_refuse() -> list[str]:
    parts = []
    for code, reason in REJECTIONS.items():
        action = log(log_line("refused", "[$seat]", str(code)))
        parts += [
            label(f"reject {code}"),
            send(_uas_response(f"{code} {reason}")),
            label(f"rejecting {code}"),
            recv(
                request="CANCEL", optional=True, next=f"rejecting {code}", timeout=AGAIN_MS, ontimeout=f"reject {code}"
            ),
            *take_verbs_again(f"rejecting {code}", dict.fromkeys(_REJECT, f"reject {code}")),
            recv(request="ACK", next="over", action=action),
        ]
    return parts


def _uas_bye() -> str:
    sender = "From:[$to];tag=[pid]s[call_number]"
    return request("BYE", "[next_url]", sender, "To:[$from]", "Call-ID: [call_id]", f"CSeq: {OWN_CSEQ} BYE")
