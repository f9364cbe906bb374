"""What phones of both kinds send and take, as text with SIPp's keywords. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from telephony.phones.steps import recv
from telephony.phones.wire import FILE_HEADER, Verb

NEVER = "NOTHING"
"""A request that nobody sends: waiting for it keeps a call in its state until an optional message leads out."""
AGAIN_MS = 500
"""How long what needs an answer waits for it before it is said again."""
FINAL_CODES = (
    300, 301, 302, 305, 380, 400, 401, 402, 403, 404, 405, 406, 407, 408, 410, 413, 414, 415, 416, 420, 421, 422, 423, 433, 480,
    481, 482, 483, 484, 485, 486, 487, 488, 491, 493, 500, 501, 502, 503, 504, 505, 513, 600, 603, 604, 606,
)  # fmt: skip
"""Responses that refuse an INVITE."""


def request(
    method: str, uri: str, *headers: str, branch: str = "[branch]", sdp: bool = False, media: str = "sendrecv"
) -> str:
    """Return a request, with a session description when asked for."""
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}",
        *headers,
        "Max-Forwards: 70",
    ]
    return message(lines, sdp=sdp, media=media)


def message(lines: Sequence[str], *, sdp: bool, media: str = "sendrecv") -> str:
    """Return a message of these header lines, with a session description (audio and digits) when asked for.

    `media`: the direction of the audio; `sendonly` puts the other side on hold.
    """
    if not sdp:
        return "\n".join((*lines, "Content-Length: 0", "", ""))
    body = (
        "v=0", "o=- 1 1 IN IP[local_ip_type] [local_ip]", "s=-", "c=IN IP[media_ip_type] [media_ip]", "t=0 0",
        "m=audio [rtpstream_audio_port] RTP/AVP 0 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16",
        "a=ptime:20", f"a={media}",
    )  # fmt: skip
    return "\n".join((*lines, "Content-Type: application/sdp", "Content-Length: [len]", "", *body, ""))


OK = message(
    ("SIP/2.0 200 OK", "[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]"), sdp=False
)
OK_SDP = message(
    (
        "SIP/2.0 200 OK", "[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]",
        "Contact: <sip:phone@[local_ip]:[local_port]>",
    ),
    sdp=True,
)  # fmt: skip


def keep_code(code: int) -> str:
    """Return an action that keeps a response code for a later step."""
    return f'<assignstr assign_to="code" value="{code}"/>'


def take_verbs(leads_to: Mapping[str, str]) -> Iterable[str]:
    """Take every request of ours: some lead to another state, the others are late and change nothing."""
    file = f'<ereg regexp="[^ ].*" search_in="hdr" header="{FILE_HEADER}:" assign_to="file"/>'
    for verb in get_args(Verb):
        action = file if verb in leads_to and verb in ("DIGIT", "SOUND", "TRANSFER") else ""
        yield recv(request=verb, optional=True, next=leads_to.get(verb), action=action)


def take_verbs_again(state: str, leads_to: Mapping[str, str]) -> Iterable[str]:
    """Take every request of ours in a state with a time limit: what does not lead out of it leads back to its beginning."""
    return take_verbs({**dict.fromkeys(get_args(Verb), state), **leads_to})
