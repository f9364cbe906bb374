"""The SIPp scenario of a seat's registration. Pure."""

from collections.abc import Iterable

from telephony.phones.messages import NEVER, keep_code, request, take_verbs
from telephony.phones.steps import label, nop, recv, scenario, send
from telephony.phones.wire import log_line

EXPIRES_S = 120


def register_scenario() -> str:
    """Return the scenario of a registration: register, renew when told, be switched off and on when told, leave when told.

    Fields: extension, password. A phone that is off stays in the scenario: for each that comes to its end, SIPp would start a new one, and
    the phone would register again by itself.
    """
    return scenario(
        "register",
        *_register(EXPIRES_S, then="registered"),
        label("registered"),
        nop(log_line("registered", "[field0]")),
        label("idle"),
        *take_verbs({"RENEW": "renew", "OFF": "off", "LEAVE": "leave"}),
        recv(request=NEVER),
        label("renew"),
        *_register(EXPIRES_S, then="idle"),
        label("off"),
        *_register(0, then="switched off"),
        label("switched off"),
        nop(log_line("unregistered", "[field0]")),
        label("away"),
        *take_verbs({"RENEW": "on", "LEAVE": "end"}),
        recv(request=NEVER),
        label("on"),
        *_register(EXPIRES_S, then="registered"),
        label("leave"),
        *_register(0, then="left"),
        label("left"),
        nop(log_line("unregistered", "[field0]"), next="end"),
        label("denied"),
        nop(log_line("denied", "[field0]", "[$code]")),
        label("end"),
    )


def _register(expires_s: int, *, then: str) -> list[str]:
    """Register for `expires_s` (0: no longer), answering the challenge; any other answer leads to `denied`.

    An Asterisk that is slow is asked twice and challenges twice: the transactions are named so that the second challenge
    is not taken for an answer to what we said to the first.
    """
    headers = (
        "From: <sip:[field0]@[remote_ip]>;tag=[pid]r[call_number]", "To: <sip:[field0]@[remote_ip]>", "Call-ID: [call_id]",
        "CSeq: [cseq] REGISTER", "Contact: <sip:[field0]@[local_ip]:[local_port]>", f"Expires: {expires_s}",
    )  # fmt: skip
    uri = "sip:[remote_ip]:[remote_port]"
    return [
        send(request("REGISTER", uri, *headers), retrans=500, start_txn="asked"),
        *_denials("asked"),
        recv(response=401, auth=True, response_txn="asked"),
        send(
            request("REGISTER", uri, *headers, "[authentication username=[field0] password=[field1]]"),
            retrans=500,
            start_txn="proven",
        ),
        recv(response=401, optional=True, response_txn="proven", next="denied", action=keep_code(401)),
        *_denials("proven"),
        recv(response=200, response_txn="proven", next=then),
    ]


def _denials(transaction: str) -> Iterable[str]:
    for code in (400, 403, 404, 408, 423, 500, 503):
        yield recv(response=code, optional=True, response_txn=transaction, next="denied", action=keep_code(code))
