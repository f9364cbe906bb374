"""An exchange of one phone that is deaf when it matters: it speaks just enough SIP to lose what a seat or a caller sends.

The real Asterisk loses nothing on loopback; SIPp does, and ends the repetition of what it sent when anything else comes in.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.wait import eventually

HOST = "127.0.0.1"
CHALLENGE = 'WWW-Authenticate: Digest realm="deaf", nonce="n{}nce", algorithm=MD5'


def header(message: str, name: str) -> str:
    """Return a header's value."""
    found = re.search(rf"^{name}: *(.*?)\r?$", message, re.MULTILINE | re.IGNORECASE)
    assert found, f"no {name} in {message}"
    return found.group(1)


def kind(message: str) -> str:
    """Return the method of a request, or code and method of a response: `BYE`, `200 INVITE`."""
    first, second = message.split()[:2]
    return f"{second} {header(message, 'CSeq').split()[1]}" if first.startswith("SIP/") else first


class DeafExchange(asyncio.DatagramProtocol):
    """Registers whoever asks; everything else only happens when the test says so."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []
        """What came in: kind and message."""
        self.port = 0
        self.challenges = 1
        """How often it answers the first question of whoever registers."""
        self._phone: tuple[str, int] = ("", 0)
        self._to = ""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = data.decode()
        self.got.append((kind(message), message))
        self._phone = addr
        if kind(message) == "REGISTER" and "Authorization:" in message:
            self.answer(message, "200 OK")
        elif kind(message) == "REGISTER":
            for number in range(self.challenges):
                self.answer(message, "401 Unauthorized", CHALLENGE.format(number))

    def send(self, method: str, cseq: int = 1, *, body: str = "") -> None:
        """Send a request within the one call."""
        to = self._to or f"<sip:1001@{HOST}>"
        lines = [
            f"{method} sip:1001@{self._phone[0]}:{self._phone[1]} SIP/2.0",
            f"Via: SIP/2.0/UDP {HOST}:{self.port};branch=z9hG4bK{method}{cseq}",
            f"From: <sip:4000@{HOST}>;tag=deaf", f"To: {to}", "Call-ID: deaf-1", f"CSeq: {cseq} {method}",
            f"Contact: <sip:4000@{HOST}:{self.port}>", "Max-Forwards: 70",
            *(["Content-Type: application/sdp"] if body else []), f"Content-Length: {len(body)}",
        ]  # fmt: skip
        self._transport.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), self._phone)

    def invite(self) -> None:
        """Ring the seat."""
        body = f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        self.send("INVITE", body=body)

    def answer(self, request: str, status: str, *more: str) -> None:
        """Answer a request of the phone."""
        kept = {name: header(request, name) for name in ("Via", "From", "To", "Call-ID", "CSeq")}
        kept["To"] += "" if "tag=" in kept["To"] else ";tag=deaf"
        lines = [f"SIP/2.0 {status}", *(f"{name}: {value}" for name, value in kept.items()), *more]
        lines += [f"Contact: <sip:4000@{HOST}:{self.port}>", "Content-Length: 0"]
        self._transport.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), self._phone)

    async def hear(self, what: str, times: int = 1) -> str:
        """Wait until `what` has come in so many times; return the last of them."""
        await eventually(lambda: sum(k == what for k, _ in self.got) >= times, what=f"{what} for the {times}. time")
        message = [m for k, m in self.got if k == what][times - 1]
        if what == "200 INVITE":
            self._to = header(message, "To")
        return message


@asynccontextmanager
async def deaf_exchange() -> AsyncIterator[DeafExchange]:
    """Open the exchange on a free port."""
    transport, exchange = await asyncio.get_running_loop().create_datagram_endpoint(DeafExchange, local_addr=(HOST, 0))
    try:
        yield exchange
    finally:
        transport.close()
