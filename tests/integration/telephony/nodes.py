"""Two nodes of one hotline on one machine: private Asterisks on loopback addresses of their own, each with its telephony service.

There is no router: a test sends the commands, and hears what both nodes tell on one bus.
"""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from hotline import facts as f
from hotline.bus.memory import MemoryBus
from hotline.commands import Outcome, Ring
from hotline.ids import AgentId, CallId, Extension, NodeId, OfferId, RecordingId
from hotline.runtime.clock import SteadyClock
from hotline.runtime.service import serve
from hotline.runtime.tasks import TaskGroup
from hotline.secrets import load_or_create
from hotline.settings import Ami, Asterisk, Peer, Seats, Settings, Sip
from hotline.tally import Tally
from telephony.ami.link import AmiLink
from telephony.asterisk.supervise import PrivateAsterisk
from telephony.lines import Lines
from telephony.service import TelephonyService
from tests.integration.telephony.asterisk.phone import Phone
from tests.support.wait import eventually

A, B = NodeId("a"), NodeId("b")
HOSTS = {A: "127.0.0.21", B: "127.0.0.22"}
PEER_SECRET = "what-a-and-b-share-1"
SEATS_SECRET = "what-all-seats-come-from-1"
SHOWN = "张三 O'Neil (x), A/B & Co."
"""A caller's name with everything that a clean name may have."""
EXPECTED = ("Could not create dialog", "Failed to create outgoing session", "registered during operation")
"""What Asterisk says of a phone that is not registered; and of itself, when its SIP modules start on a busy machine."""


def two_settings() -> dict[NodeId, Settings]:
    ports = {node: _free_port(host) for node, host in HOSTS.items()}
    return {
        node: Settings(
            sip=Sip(host=HOSTS[node], port=ports[node], rtp_start=0),
            ami=Ami(port=0),
            seats=Seats(count=3, secret=SecretStr(SEATS_SECRET)),
            asterisk=Asterisk(
                node=node,
                max_calls=20,
                peers=(Peer(node=other, host=HOSTS[other], port=ports[other], secret=SecretStr(PEER_SECRET)),),
            ),
        )
        for node, other in ((A, B), (B, A))
    }


def _free_port(host: str) -> int:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        tcp.bind((host, 0))
        port = int(tcp.getsockname()[1])
        udp.bind((host, port))
        return port


class Node:
    """One Asterisk and its telephony service."""

    def __init__(
        self, settings: Settings, data_dir: Path, asterisk: PrivateAsterisk, passwords: dict[str, str]
    ) -> None:
        self.id = NodeId(settings.asterisk.node)
        self.settings, self.data_dir, self.asterisk, self.passwords = settings, data_dir, asterisk, passwords
        self.sip = (asterisk.sip_host, asterisk.sip_port)
        self.lines = Lines(self.id, settings.seats.extensions())

    async def serve(self, bus: MemoryBus, tasks: TaskGroup) -> None:
        """Begin to tell and to perform."""
        clock, tally, asterisk = SteadyClock(), Tally(), self.asterisk
        link = AmiLink(
            self.id, asterisk.ami_host, asterisk.ami_port, asterisk.ami_username, asterisk.ami_secret,
            self.settings.ami, clock, tally, tasks,
        )  # fmt: skip
        service = TelephonyService(
            self.settings.asterisk,
            self.lines,
            link,
            bus,
            clock=clock,
            tally=tally,
            tasks=tasks,
            has_sound=lambda _: True,
        )
        service.start()
        tasks.spawn(serve(service, bus.subscribe(f"telephony-{self.id}", *service.kinds), clock, tally), name="routers")
        await link.start()
        await service.became_ready.wait()

    async def sees(self, other: "Node") -> bool:
        """Return whether this Asterisk has heard the other one."""
        contact = f"peer-{other.id}/sip:{other.sip[0]}:{other.sip[1]}"
        said = await self.asterisk.tell("pjsip show contacts")
        return any(contact in line and " Avail " in line for line in said.splitlines())

    async def is_quiet(self) -> bool:
        return "0 active channels" in await self.asterisk.tell("core show channels")

    def complaints(self) -> list[str]:
        """Return the warnings and errors in Asterisk's log, but for those that our tests provoke."""
        log = (self.asterisk.log_dir / "messages.log").read_text(encoding="utf-8", errors="replace")
        bad = [line for line in log.splitlines() if " ERROR[" in line or " WARNING[" in line]
        return [line for line in bad if not any(expected in line for expected in EXPECTED)]

    def cel(self) -> str:
        file = self.asterisk.cel_file
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""


class House:
    """Both nodes. Make one with `opened`."""

    def __init__(self, nodes: dict[NodeId, Node], bus: MemoryBus) -> None:
        self.a, self.b = nodes[A], nodes[B]
        self.bus = bus
        self.told: list[f.Record] = []
        self._inbox = bus.subscribe("test", f.Record)
        self._phones: list[Phone] = []
        self._registered: list[tuple[Node, Phone]] = []
        self._offers = 0

    async def listen(self) -> None:
        while (record := await self._inbox.get()) is not None:
            self.told.append(record)

    # --- phones ---

    async def caller(self, node: Node, number: str = "13800138000") -> Phone:
        return self._keep(await Phone.open("127.0.0.2", node.sip, number))

    async def seat(self, node: Node, extension: str = "1001") -> Phone:
        phone = self._keep(await Phone.open("127.0.0.3", node.sip, extension))
        assert await phone.register(node.passwords[extension]) == 200
        self._registered.append((node, phone))
        await eventually(lambda: self.seat_says(node, extension).reachable)
        return phone

    async def stranger(self, node: Node, user: str) -> Phone:
        return self._keep(await Phone.open("127.0.0.4", node.sip, user))

    def _keep(self, phone: Phone) -> Phone:
        self._phones.append(phone)
        return phone

    async def hang_up_phones(self) -> None:
        """Close all phones; Asterisk forgets where the seats were, so that no test finds those of another."""
        for node, phone in self._registered:
            assert await phone.register(node.passwords[phone.user], expires=0) == 200
        for node, phone in self._registered:
            await eventually(lambda n=node, p=phone: not self.seat_says(n, p.user).reachable, what="unregistered")  # type: ignore[misc]
        self._registered.clear()
        for phone in self._phones:
            await phone.close()
        self._phones.clear()

    # --- what is told ---

    def seat_says(self, node: Node, extension: str) -> f.SeatChanged:
        """Return the last word of a node about a phone."""
        words = [r for r in self.told if isinstance(r, f.SeatChanged) and (r.node, r.extension) == (node.id, extension)]
        assert words, f"{node.id} said nothing of {extension}"
        return words[-1]

    def survey_of(self, node: Node) -> f.NodeSurveyed | None:
        return next((r for r in self.told if isinstance(r, f.NodeSurveyed) and r.node == node.id), None)

    def told_of(self, call: CallId) -> list[f.Record]:
        return [r for r in self.told if getattr(r, "call_id", None) == call]

    async def wait_told(self, kind: type[f.Record], call: CallId) -> f.Record:
        return await eventually(
            lambda: next((r for r in self.told_of(call) if isinstance(r, kind)), None),
            what=f"{kind.__name__}; told: {self.told_of(call)}",
        )  # type: ignore[return-value]

    # --- calls ---

    async def arrive(self, node: Node, caller: Phone) -> CallId:
        """Have a caller arrive at a node."""
        since = len(self.told)
        assert await caller.call("4000") == 200
        return await self.arrived(node, since)

    async def arrived(self, node: Node, since: int) -> CallId:
        """Wait for the first call that arrives at a node after so many records."""
        return await eventually(
            lambda: next(
                (r.call_id for r in self.told[since:] if isinstance(r, f.CallArrived) and r.node == node.id), None
            )
        )  # type: ignore[return-value]

    async def ring(self, node: Node, call: CallId, at: Node, extension: str = "1001", **more: object) -> Outcome:
        """Ring a seat of `at` for a caller of `node`."""
        self._offers += 1
        offer = OfferId(f"{call}.t.{self._offers}")
        given: dict[str, object] = {
            "ring_timeout_s": 15.0,
            "recording_id": RecordingId(offer),
            "caller_name": SHOWN,
        }
        command = Ring(
            node=node.id, call_id=call, offer_id=offer, agent_id=AgentId(extension), extension=Extension(extension),
            **({"seat_node": at.id} | given | more),  # type: ignore[arg-type]
        )  # fmt: skip
        return await self.bus.request(command)


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[House]:
    """Start both nodes; yields when each knows that the other is there."""
    async with AsyncExitStack() as stack:
        tasks, bus, nodes = TaskGroup("nodes"), MemoryBus(Tally()), {}
        stack.push_async_callback(tasks.close)
        for node, settings in two_settings().items():
            data_dir = directory / node
            secrets = load_or_create(data_dir, settings.seats.extensions(), settings.seats.secret)
            asterisk = await PrivateAsterisk.start(settings, data_dir, secrets, print)
            stack.push_async_callback(asterisk.stop)
            nodes[node] = Node(settings, data_dir, asterisk, dict(secrets.seats))
        house = House(nodes, bus)
        tasks.spawn(house.listen(), name="listen")
        stack.push_async_callback(house.hang_up_phones)
        for each in nodes.values():
            await each.serve(bus, tasks)
        for here, there in ((house.a, house.b), (house.b, house.a)):
            await eventually(lambda here=here, there=there: here.sees(there), what="the other node")  # type: ignore[misc]
        yield house
