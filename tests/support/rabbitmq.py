"""A private RabbitMQ for tests: Debian's, brought by `hotline.tools`, on free loopback ports, gone at the end.

A conftest imports the fixture `broker_of`; then `broker_of("4")` is a running node, the same one for the whole test run:

    from tests.support.rabbitmq import broker_of as broker_of

Ask it in a fixture that is not `async`: it starts nodes in a loop of its own. Names in a node are shared: use a prefix of your own. Whatever a test does to it (`away`, `frozen`, `alarmed` undo it themselves), the next one
finds it well.

RabbitMQ is a set of shell scripts around Erlang, and Erlang starts its helpers (`erl_child_setup`, `inet_gethost`, `epmd`) by
path. Both find everything through `PATH`, `ROOTDIR` and `BINDIR`, so a directory of small scripts that run each Erlang program
through the loader of its own tree is enough to use them unpacked, as any user, whatever the machine's libc is. Two versions
are brought: the newest of our usual release, and 3.10 of Debian 12, because the bus keeps to what both share.

The node gets its own name, ports, cookie, directories and its own epmd, all on loopback, and is ended by process id.
"""

import asyncio
import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import pytest

from hotline.tools import Tool, bring
from tests.support.wait import eventually

Version = Literal["4", "3.10"]
DEPLOY = Path(__file__).parents[2] / "deploy" / "rabbitmq"
USER, PASSWORD = "guest", "guest"
START_S = 90.0
STOP_S = 30.0
CONTROL_S = 60.0
_ERLANG = ("beam.smp", "epmd", "erl_child_setup", "erlexec", "inet_gethost")
_PR_SET_PDEATHSIG = 1
_HEADER = b"AMQP\x00\x00\x09\x01"
_LEADERLESS = (
    "N = [P || Q <- rabbit_amqqueue:list(), amqqueue:is_quorum(Q), {P, _} <- [amqqueue:get_pid(Q)], "
    "ets:lookup(ra_state, P) =/= [{P, leader}]], [ra:trigger_election(P) || P <- N], length(N)."
)
_NAMES = (
    "[element(4, amqqueue:get_name(Q)) || Q <- rabbit_amqqueue:list()] "
    '++ [element(4, element(2, X)) || X <- rabbit_exchange:list(<<"/">>)].'
)
_libc = ctypes.CDLL(None)
_RUNNING = pytest.StashKey["dict[Version, RabbitMQ]"]()


def tool(version: Version) -> Tool:
    """Return Debian's RabbitMQ, fetched on first use."""
    if version == "3.10":
        return bring("rabbitmq-3.10", ["rabbitmq-server", "libc6"], progress=lambda _: None, suite="bookworm")
    return bring("rabbitmq", ["rabbitmq-server", "libc6"], progress=lambda _: None)


@pytest.fixture(scope="session")
def broker_of(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> "Callable[[Version], RabbitMQ]":
    """Return a way to a running node of a version: started when it is first asked for, mended after a test that broke it."""
    running = pytestconfig.stash.setdefault(_RUNNING, {})

    def get(version: Version) -> RabbitMQ:
        if version not in running:
            node = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"), version)
            pytestconfig.add_cleanup(lambda: asyncio.run(node.close()))
            running[version] = node
        asyncio.run(running[version].mend())
        return running[version]

    return get


class RabbitMQ:
    """One node. `start`, then `stop`/`kill`/`freeze`/`thaw` and `start` again; `close` at the end."""

    def __init__(self, work: Path, version: Version = "4") -> None:
        self.version = version
        self._tool = tool(version)
        self._work = work
        self._port, self._dist_port, self._epmd_port = _free_ports(3)
        self._log = work / "rabbitmq.out"
        self._process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self._environment = self._prepare()

    def url(self, user: str = USER, password: str = PASSWORD) -> str:
        """Return where clients connect."""
        return f"amqp://{user}:{password}@127.0.0.1:{self._port}/"

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the node and wait until it takes connections."""
        if self._epmd is None:
            self._epmd = self._run([str(self._bin / "epmd"), "-port", str(self._epmd_port)])
        self._process = self._run([str(self._sbin / "rabbitmq-server")])
        await eventually(self._answers, within_s=START_S, every_s=0.1, what="RabbitMQ answers")
        if self.version == "3.10":
            await eventually(self._has_leaders, within_s=START_S, every_s=0.3, what="quorum queues with leaders")

    async def _has_leaders(self) -> bool:
        """Help leaderless queues to an election, as an operator of 3.10 on a single machine has to after a crash.

        There a quorum queue may stay a follower for ever (rabbitmq-server issue 10070); newer versions do not.
        """
        return (await self.control("eval", _LEADERLESS)).strip() == "0"

    def _run(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as output:
            return subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, preexec_fn=_die_with_parent,
            )  # fmt: skip

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
            raise RuntimeError(f"RabbitMQ ended with {self._process.returncode}:\n{tail}")
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as probe:
                probe.sendall(_HEADER)
                return len(probe.recv(8)) == 8
        except OSError:
            return False

    async def stop(self) -> None:
        """End the node in good order; its data stay."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """Kill the node without a word."""
        await self._end(signal.SIGKILL)

    async def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.send_signal(how)
        try:
            await eventually(lambda: process.poll() is not None, within_s=STOP_S, what="RabbitMQ ended")
        finally:
            with contextlib.suppress(
                ProcessLookupError
            ):  # erl_child_setup and what it started, in the node's own session
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self._process = None

    @property
    def pid(self) -> int | None:
        """Return the node's process id; None while it does not run."""
        return self._process.pid if self._process is not None else None

    def freeze(self) -> None:
        """Stop the node where it stands (SIGSTOP)."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen node go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def mend(self) -> None:
        """Have it run, whatever was done to it. (An alarm is cleared by who raised it.)"""
        if self._process is not None:
            self.thaw()
        if self._process is None or self._process.poll() is not None:
            await self.start()

    @contextlib.asynccontextmanager
    async def away(self, *, empty: bool = False) -> AsyncIterator[None]:
        """Be dead (kill -9) for a while; then it is back at the same address, with its data, or `empty` as on a new disk."""
        await self.kill()
        try:
            yield
        finally:
            if empty:
                shutil.rmtree(self._work / "data")
            await self.start()

    @contextlib.asynccontextmanager
    async def frozen(self) -> AsyncIterator[None]:
        """Stand still for a while."""
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    @contextlib.asynccontextmanager
    async def alarmed(self) -> AsyncIterator[None]:
        """Be short of memory for a while."""
        await self.alarm(on=True)
        try:
            yield
        finally:
            await self.alarm(on=False)

    async def close(self) -> None:
        """End the node and its epmd."""
        await self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None

    # --- control --------------------------------------------------------------------------------------------------------

    async def control(self, *args: str) -> str:
        """Run `rabbitmqctl` and return what it said."""
        return await asyncio.to_thread(self._control, args)

    def _control(self, args: Sequence[str]) -> str:
        done = subprocess.run(
            [str(self._sbin / "rabbitmqctl"), "-q", *args],
            env=self._environment, capture_output=True, text=True, timeout=CONTROL_S, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, f"rabbitmqctl {args}: {done.stderr or done.stdout}"
        return done.stdout

    async def alarm(self, on: bool) -> None:
        """Raise or clear the memory alarm, which blocks everybody who publishes."""
        await self.control("set_vm_memory_high_watermark", "0.0000001" if on else "0.6")
        await eventually(lambda: self._alarmed(on), every_s=0.2, what="memory alarm")

    async def _alarmed(self, on: bool) -> bool:
        said = await self.control("eval", "length(rabbit_alarm:get_alarms()).")
        return (said.strip() != "0") == on

    async def names(self, prefix: str) -> set[str]:
        """Return the names of all queues and exchanges that begin with a prefix."""
        said = await self.control("eval", _NAMES)
        return {name for name in re.findall(r'<<"([^"]*)">>', said) if name.startswith(f"{prefix}.")}

    async def add_user(self, name: str, *rights: str) -> str:
        """Add a user with these rights (configure, write, read; regular expressions), and return the URL to connect with."""
        return (await self.add_users({name: rights}))[name]

    async def add_users(self, users: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """Add several users at once, each with its rights or none, and return the URLs to connect with."""
        said = []
        for name, rights in users.items():
            said.append(f'ok = rabbit_auth_backend_internal:add_user(<<"{name}">>, <<"{name}">>, <<"test">>)')
            if rights:
                granted = ", ".join(f'<<"{right}">>'.replace("\\", "\\\\") for right in rights)
                said.append(
                    f'ok = rabbit_auth_backend_internal:set_permissions(<<"{name}">>, <<"/">>, {granted}, <<"test">>)'
                )
        await self.control("eval", f"{', '.join(said)}.")  # one program, where rabbitmqctl would need one for each
        return {name: self.url(name, name) for name in users}

    # --- the tree -------------------------------------------------------------------------------------------------------

    def _prepare(self) -> dict[str, str]:
        """Write the scripts and the configuration, and return the environment."""
        self._bin, home = self._work / "bin", self._work / "home"
        for directory in (self._bin, home):
            directory.mkdir()
        self._sbin = next(self._tool.root.glob("usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin"))
        self._write_scripts()
        config, plugins, nothing = self._work / "rabbitmq.conf", self._work / "plugins", self._work / "env.conf"
        recommended = (DEPLOY / "rabbitmq.conf").read_text(encoding="utf-8")
        config.write_text(f"{recommended}disk_free_limit.absolute = 10MB\n", encoding="utf-8")
        plugins.write_text("[].\n", encoding="utf-8")
        nothing.write_text("", encoding="utf-8")
        own = {
            "PATH": f"{self._bin}:{os.environ['PATH']}",
            "HOME": home,
            "RUNNING_UNDER_SYSTEMD": "true",  # the script then becomes the node instead of watching it
            "RABBITMQ_NODENAME": f"hotline{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": self._port,
            "RABBITMQ_DIST_PORT": self._dist_port,
            "RABBITMQ_MNESIA_BASE": self._work / "data",
            "RABBITMQ_LOG_BASE": self._work / "log",
            "RABBITMQ_CONFIG_FILE": config,
            "RABBITMQ_CONF_ENV_FILE": nothing,
            "RABBITMQ_ENABLED_PLUGINS_FILE": plugins,
            "RABBITMQ_PID_FILE": self._work / "pid",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2",
            "RABBITMQ_CTL_ERL_ARGS": "+S 1:1",
            "ERL_EPMD_PORT": self._epmd_port,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "LC_ALL": "C.UTF-8",
        }
        return {**os.environ, **{name: str(value) for name, value in own.items()}}

    def _write_scripts(self) -> None:
        """Write a script for each Erlang program that runs it through the loader and the libraries of its tree."""
        root, triplet = self._tool.root, self._tool.triplet
        libraries = [root / "usr/lib" / triplet, root / "lib" / triplet]
        loader = next(p for d in libraries for p in d.glob("ld-linux-*.so.*"))
        erts = next(root.glob("usr/lib/erlang/erts-*/bin"))
        run = f'exec "{loader}" --library-path "{":".join(map(str, libraries))}"'
        scripts = {name: f'{run} "{erts / name}" "$@"' for name in _ERLANG}
        scripts["erl"] = (
            f'export ROOTDIR="{root}/usr/lib/erlang" BINDIR="{self._bin}" EMU=beam PROGNAME=erl\nexec "{self._bin}/erlexec" "$@"'
        )
        scripts["escript"] = f'export ESCRIPT_EMULATOR="{self._bin}/erl"\n{run} "{erts / "escript"}" "$@"'
        for name, text in scripts.items():
            file = self._bin / name
            file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
            file.chmod(0o755)


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
