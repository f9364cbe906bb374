"""A telephone in a hundred lines: SIP over UDP with exactly the bytes a test wants, for seats and for (hostile) callers.

It registers with digest authentication, answers OPTIONS, rings or refuses as told, calls, hangs up, and sends silence as media.
"""

import asyncio
import hashlib
import re
import uuid
from collections.abc import Callable, Sequence

from hotline.runtime.tasks import TaskGroup

SILENCE = b"\xff" * 160
HEARD_BYTES = 8000 * 60
_HEADER = re.compile(rb"^([A-Za-z-]+)\s*:\s*(.*)$")


class Message:
    """One SIP message, as far as a test needs it."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        self.first, *lines = head.decode("utf-8", "replace").split("\r\n")
        self.headers = [(n.strip(), v.strip()) for n, _, v in (line.partition(":") for line in lines)]

    def all(self, name: str) -> list[str]:
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def get(self, name: str) -> str:
        return (self.all(name) or [""])[0]

    @property
    def method(self) -> str:
        return self.get("CSeq").split()[-1]

    @property
    def status(self) -> int:
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0") else 0


class Media(asyncio.DatagramProtocol):
    """Counts and keeps what comes in, sends silence or a sound, and keys."""

    def __init__(self) -> None:
        self.received = 0
        self.heard = bytearray()
        """What was received, as µ-law, since somebody last cleared it."""
        self.sound = SILENCE
        """What is sent again and again: µ-law, whole packets."""
        self.events = 0
        self.address: tuple[str, int] | None = None
        self.transport: asyncio.DatagramTransport | None = None
        self._sequence = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received += 1
        if len(data) > 12 and data[1] & 0x7F == 0 and len(self.heard) < HEARD_BYTES:
            self.heard += data[12:]

    def packet(self, kind: int, payload: bytes, stamp: bytes, *, marker: bool = False) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        header = bytes([0x80, marker << 7 | kind]) + self._sequence.to_bytes(2, "big") + stamp + b"\x00\x00\x00\x2a"
        self.transport.sendto(header + payload, self.address)  # type: ignore[union-attr]

    async def send(self, address: tuple[str, int]) -> None:
        self.address = address
        for n in range(1_000_000):
            start = n * 160 % len(self.sound)
            self.packet(0, self.sound[start : start + 160], (n * 160).to_bytes(4, "big"))
            await asyncio.sleep(0.02)


class Phone(asyncio.DatagramProtocol):
    """Make one with `Phone.open`."""

    def __init__(self, host: str, server: tuple[str, int], user: str) -> None:
        self.host, self.server, self.user = host, server, user
        self.answers: Sequence[tuple[float, int]] = ((0.0, 180), (0.0, 200))
        """What to say to a call: pause in seconds, status; and so on."""
        self.invites: list[Message] = []
        self.seen: list[str] = []
        """Methods and statuses received, in order."""
        self._tasks = TaskGroup(f"phone-{user}")
        self._waiting: list[tuple[Callable[[Message], bool], asyncio.Future[Message]]] = []
        self._dialog: dict[str, str] = {}
        self._cseq = 1
        self._call: Message | None = None

    @classmethod
    async def open(cls, host: str, server: tuple[str, int], user: str = "caller") -> "Phone":
        loop = asyncio.get_running_loop()
        transport, phone = await loop.create_datagram_endpoint(lambda: cls(host, server, user), local_addr=(host, 0))
        phone.transport = transport
        phone.port = transport.get_extra_info("sockname")[1]
        media_transport, phone.media = await loop.create_datagram_endpoint(Media, local_addr=(host, 0))
        phone.media_port = media_transport.get_extra_info("sockname")[1]
        return phone

    async def close(self) -> None:
        await self._tasks.close()
        self.transport.close()
        self.media.transport.close()  # type: ignore[union-attr]

    # --- receiving

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if len(data) < 20:
            return
        message = Message(data)
        self.seen.append(str(message.status) if message.status else message.first.split()[0])
        for entry in list(self._waiting):
            if entry[0](message) and not entry[1].done():
                entry[1].set_result(message)
                self._waiting.remove(entry)
        if not message.status:
            self._request(message, addr)

    def _request(self, message: Message, addr: tuple[str, int]) -> None:
        method = message.first.split()[0]
        if method == "INVITE":
            if any(m.get("Call-ID") == message.get("Call-ID") for m in self.invites):
                return  # sent again
            self.invites.append(message)
            self._call = message
            self._tasks.spawn(self._answer(message, addr), name="answer")
        elif method == "CANCEL":
            self._reply(message, addr, 200)
            if self._call is not None:
                self._reply(self._call, addr, 487)
                self._call = None
        elif method != "ACK":
            self._reply(message, addr, 200)

    async def _answer(self, invite: Message, addr: tuple[str, int]) -> None:
        for pause, status in self.answers:
            await asyncio.sleep(pause)
            if self._call is not invite:
                return
            self._reply(invite, addr, status)
            if status == 200:
                self._dialog = {
                    "to": invite.get("From"), "from": invite.get("To") + f";tag={self._tag(invite)}", "id": invite.get("Call-ID"),
                    "target": re.sub(r".*<|>.*", "", invite.get("Contact")),
                }  # fmt: skip
                self.start_media(invite)

    @staticmethod
    def _tag(message: Message) -> str:
        return hashlib.sha256(message.get("Call-ID").encode()).hexdigest()[:10]

    def _reply(self, request: Message, addr: tuple[str, int], status: int) -> None:
        to = request.get("To")
        lines = [f"SIP/2.0 {status} x", *(f"Via: {v}" for v in request.all("Via")), f"From: {request.get('From')}"]
        lines.append(f"To: {to}" if "tag=" in to else f"To: {to};tag={self._tag(request)}")
        lines += [
            f"Call-ID: {request.get('Call-ID')}",
            f"CSeq: {request.get('CSeq')}",
            f"Contact: <sip:{self.user}@{self.host}:{self.port}>",
        ]
        body = self._sdp() if status == 200 and request.method == "INVITE" else ""
        self._send(lines, body, addr)

    # --- sending

    def _sdp(self, direction: str = "sendrecv", address: str = "") -> str:
        return (
            f"v=0\r\no=- 1 {self._cseq} IN IP4 {self.host}\r\ns=-\r\nc=IN IP4 {address or self.host}\r\nt=0 0\r\n"
            f"m=audio {self.media_port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
            f"a={direction}\r\n"
        )

    def _send(self, lines: list[str], body: str = "", addr: tuple[str, int] | None = None) -> None:
        if body:
            lines.append("Content-Type: application/sdp")
        text = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])
        self.transport.sendto(text.encode("utf-8", "surrogateescape"), addr or self.server)

    def _head(self, method: str, uri: str, from_: str, to: str, call_id: str, cseq: int) -> list[str]:
        return [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{self.port};rport;branch=z9hG4bK{uuid.uuid4().hex}",
            f"From: {from_}", f"To: {to}", f"Call-ID: {call_id}", f"CSeq: {cseq} {method}", "Max-Forwards: 70",
            f"Contact: <sip:{self.user}@{self.host}:{self.port}>",
        ]  # fmt: skip

    async def expect(self, check: Callable[[Message], bool], timeout_s: float = 10.0) -> Message:
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting.append((check, future))
        return await asyncio.wait_for(future, timeout_s)

    async def register(self, password: str, expires: int = 300) -> int:
        """Register with digest authentication and return the final status."""
        uri = f"sip:{self.server[0]}:{self.server[1]}"
        me = f"<sip:{self.user}@{self.server[0]}>"
        call_id = uuid.uuid4().hex
        head = self._head("REGISTER", uri, f"{me};tag=r1", me, call_id, 1)
        answer = await self._ask([*head, f"Expires: {expires}"], call_id)
        if answer.status == 401:
            authorization = self._digest("REGISTER", uri, answer.get("WWW-Authenticate"), password)
            head = self._head("REGISTER", uri, f"{me};tag=r1", me, call_id, 2)
            answer = await self._ask([*head, f"Expires: {expires}", f"Authorization: {authorization}"], call_id)
        return answer.status

    async def _ask(self, lines: list[str], call_id: str, body: str = "") -> Message:
        cseq = next(line for line in lines if line.startswith("CSeq")).removeprefix("CSeq: ")
        waiting = self._tasks.spawn(
            self.expect(lambda m: m.status >= 200 and m.get("Call-ID") == call_id and m.get("CSeq") == cseq),
            name="expect",
        )
        await asyncio.sleep(0)
        self._send(lines, body)
        return await waiting

    def _digest(self, method: str, uri: str, challenge: str, password: str) -> str:
        found = {k: v.strip('"') for k, v in re.findall(r'(\w+)=("[^"]*"|[^,\s]+)', challenge)}

        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        ha1, ha2 = md5(f"{self.user}:{found['realm']}:{password}"), md5(f"{method}:{uri}")
        response = md5(f"{ha1}:{found['nonce']}:00000001:abcd:auth:{ha2}")
        return (
            f'Digest username="{self.user}", realm="{found["realm"]}", nonce="{found["nonce"]}", uri="{uri}", '
            f'response="{response}", algorithm=MD5, cnonce="abcd", qop=auth, nc=00000001, opaque="{found.get("opaque", "")}"'
        )

    async def call(
        self,
        number: str,
        *,
        from_: str | None = None,
        password: str = "",
        media: bool = True,
        headers: Sequence[str] = (),
    ) -> int:
        """Call, with headers of our own beside the usual ones, and return the final status; on 200 the call stands."""
        uri = f"sip:{number}@{self.server[0]}:{self.server[1]}"
        from_ = (from_ or f"<sip:{self.user}@{self.host}>") + ";tag=c1"
        to, call_id = f"<{uri}>", uuid.uuid4().hex
        self._dialog = {"to": to, "from": from_, "id": call_id, "target": uri}
        head = [*self._head("INVITE", uri, from_, to, call_id, 1), *headers]
        answer = await self._ask(head, call_id, self._sdp())
        self._ack(answer, uri, 1)
        if answer.status == 401 and password:
            head = [*self._head("INVITE", uri, from_, to, call_id, 2), *headers]
            head.append("Authorization: " + self._digest("INVITE", uri, answer.get("WWW-Authenticate"), password))
            answer = await self._ask(head, call_id, self._sdp())
            self._ack(answer, uri, 2)
        self._cseq = 3
        if answer.status == 200:
            self._dialog |= {"to": answer.get("To"), "target": re.sub(r".*<|>.*", "", answer.get("Contact"))}
            if media:
                self.start_media(answer)
        return answer.status

    def start_media(self, message: Message) -> None:
        port = re.search(rb"m=audio (\d+)", message.body)
        assert port is not None
        self._tasks.spawn(self.media.send((self.server[0], int(port[1]))), name="media")

    def _ack(self, answer: Message, uri: str, cseq: int) -> None:
        dialog = self._dialog
        self._send(self._head("ACK", uri, dialog["from"], answer.get("To"), dialog["id"], cseq))

    async def hang_up(self) -> int:
        """End the standing call and return the status of the answer."""
        self._cseq += 1
        dialog = self._dialog
        head = self._head("BYE", dialog["target"], dialog["from"], dialog["to"], dialog["id"], self._cseq)
        return (await self._ask(head, dialog["id"])).status

    async def hold(self, direction: str = "sendonly", address: str = "") -> int:
        """Press the hold key and return the status of the answer: a new offer of a session (RFC 3264, section 8.4).

        `direction`: `sendonly`, or `inactive` (nobody hears anything); an `address` of 0.0.0.0 is how old phones say it (RFC 2543).
        """
        return await self._renegotiate(direction, address)

    async def resume(self) -> int:
        """Press it once more, and return the status of the answer."""
        return await self._renegotiate("sendrecv", "")

    async def _renegotiate(self, direction: str, address: str) -> int:
        self._cseq += 1
        dialog, cseq = self._dialog, self._cseq
        head = self._head("INVITE", dialog["target"], dialog["from"], dialog["to"], dialog["id"], cseq)
        answer = await self._ask(head, dialog["id"], self._sdp(direction, address))
        self._ack(answer, dialog["target"], cseq)
        return answer.status

    async def digit(self, digit: str) -> None:
        """Press a key: RFC 4733 events on the media stream, payload 101, the end sent three times."""
        assert self.media.address is not None, "no call stands"
        event = "0123456789*#ABCD".index(digit)
        self.media.events += 1
        stamp = (self.media.events * 8000 + 10_000_000).to_bytes(4, "big")
        for n, (end, duration) in enumerate([(0, 160), (0, 480), (0, 800), (1, 960), (1, 960), (1, 960)]):
            payload = bytes([event, end << 7 | 10]) + duration.to_bytes(2, "big")
            self.media.packet(101, payload, stamp, marker=n == 0)
            await asyncio.sleep(0.02)
