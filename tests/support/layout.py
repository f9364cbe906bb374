"""A hotline of several processes with a real broker between them, for acceptance tests."""

import asyncio
import json
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from telephony.phones.injection import Account
from telephony.phones.sipp import Exchange
from tests.support.rabbitmq import RabbitMQ
from tests.support.running import CONFIG, Member, Questions

NODE = ("telephony", "ivr", "recorder")
OFFICE = ("crm", "metrics")
SEATS_SECRET = "seats-of-the-test-2c7fa1"
PEER_SECRET = "between-nodes-91ab4e"
ROUTER_ANSWERS_S = 2.0
AT_ROUTER = ("/api/v1/agents", "/api/v1/queues", "/api/v1/router", "/api/v1/calls-why")


class Layout(Questions):
    """One `crm metrics`, one or two `acd`, one or more nodes. `start` all; each `Member` can be killed and started by itself."""

    def __init__(
        self,
        directory: Path,
        broker: RabbitMQ,
        *,
        nodes: int = 1,
        routers: int = 1,
        config: str = CONFIG,
        leave_asterisk: bool = False,
    ) -> None:
        """`leave_asterisk`: nodes leave their Asterisk running when they are told to end; `stop` ends it all the same."""
        self.broker = broker
        self._leave_asterisk = leave_asterisk
        self._config = config
        self._shared = {
            "BUS__KIND": "rabbitmq",
            "BUS__URL": broker.url(),
            "BUS__PREFIX": f"t{directory.name}"[:40],
            "SEATS__SECRET": SEATS_SECRET,
        }
        self._directory = directory
        self.office = self._member("office", OFFICE)
        self.routers: list[Member] = []
        self.nodes: list[Member] = []
        self._nodes_wanted, self._routers_wanted = nodes, routers
        self._addresses = {f"node{n}": _free_address(f"127.0.1.{n}") for n in range(1, nodes + 1)}
        """Of each node's SIP port: with peers it must be known before the start."""

    def _member(self, name: str, services: tuple[str, ...], more: Mapping[str, str] | None = None) -> Member:
        given = self._shared | {"BUS__PROCESS": name} | dict(more or {})
        return Member(self._directory / name, self._config, services, given)

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start everything."""
        await self.office.start()
        self._shared["DATABASE__DSN"] = self.office.runtime["database"]
        self.routers = [self._member(f"router{n}", ("acd",)) for n in range(1, self._routers_wanted + 1)]
        self.nodes = [self._node(n) for n in range(1, self._nodes_wanted + 1)]
        for member in (*self.routers, *self.nodes):
            await member.start()

    def _node(self, number: int) -> Member:
        services = (*NODE, "--leave-asterisk") if self._leave_asterisk else NODE
        name = f"node{number}"
        settings = {"ASTERISK__NODE": name}
        if self._nodes_wanted > 1:
            host, port = self._addresses[name]
            peers = [
                {"node": other, "host": h, "port": p, "secret": PEER_SECRET}
                for other, (h, p) in self._addresses.items()
                if other != name
            ]
            settings |= {"SIP__HOST": host, "SIP__PORT": str(port), "ASTERISK__PEERS": json.dumps(peers)}
        return self._member(name, services, settings)

    def stranger(self, name: str, services: tuple[str, ...], **settings: str) -> Member:
        """Return a process beside the others that is not started; `settings` replace theirs."""
        return self._member(name, services, settings)

    @property
    def members(self) -> list[Member]:
        """Return all processes, those that others depend on last."""
        return [*self.nodes, *self.routers, self.office]

    async def stop(self) -> None:
        """End everything in good order; fails when a process does not end well."""
        async with AsyncExitStack() as stack:
            for member in reversed([m for m in self.members if m.began]):
                stack.push_async_callback(self._stop, member)

    async def _stop(self, member: Member) -> None:
        status = await member.stop()
        if status == 0 and member in self.nodes and self._leave_asterisk:
            await member.run("down")
        assert status == 0, member.said()

    # --- questions ------------------------------------------------------------------------------------------------------

    async def ask(self, method: str, path: str, **more: Any) -> Any:
        """Ask the process that answers this."""
        if path.startswith(AT_ROUTER) or path.endswith("/why"):
            return await (await self.active()).ask(method, path, **more)
        if path.endswith("/audio"):
            return await self._audio(method, path, **more)
        return await self.office.ask(method, path, **more)

    async def _audio(self, method: str, path: str, **more: Any) -> Any:
        """Ask the nodes: one of them has the file."""
        for node in self.nodes[:-1]:
            try:
                return await node.ask(method, path, **more)
            except AssertionError:
                continue
        return await self.nodes[-1].ask(method, path, **more)

    async def active(self) -> Member:
        """Return the router that distributes calls."""
        if len(self.routers) == 1:
            return self.routers[0]
        for member in self.routers:
            try:
                async with asyncio.timeout(ROUTER_ANSWERS_S):
                    if member.lives and (await member.ask("GET", "/api/v1/router"))["state"] == "active":
                        return member
            except TimeoutError:
                continue  # it is frozen
        raise AssertionError("no router is active")

    async def metrics(self) -> dict[str, float]:
        """Return the series of the process that counts calls."""
        return await self.office.metrics()

    # --- phones ---------------------------------------------------------------------------------------------------------

    def account(self, extension: str, node: int = 1) -> Account:
        """Return what a seat registers with."""
        return self.nodes[node - 1].account(extension)

    def exchange(self, sipp: tuple[str, ...], env: dict[str, str], node: int = 1) -> Exchange:
        """Return what synthetic phones connect to."""
        return self.nodes[node - 1].exchange(sipp, env)


def _free_address(host: str) -> tuple[str, int]:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return host, int(probe.getsockname()[1])
