"""A whole hotline in a process of its own, started by its real command line, for acceptance tests."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import aiohttp

from ivr.flow.library import OWN_FLOWS
from telephony.phones.injection import Account
from telephony.phones.sipp import Exchange
from tests.support.wait import PATIENCE_S, eventually

CONFIG = """
[http]
port = 0
[sip]
port = 0
rtp_start = 0
rtp_end = 400
[ami]
port = 0
[database]
fsync = false
[seats]
count = 6
[numbers.hotline]
number = "4000"
flow = "main"
[numbers.direct]
number = "4001"
flow = "direct"
[numbers.quick]
number = "4002"
flow = "quick"
[ivr]
flows_dir = "{flows}"
[[queues]]
id = "service"
name = "客户服务 Customer service"
ring_timeout_s = 3
wrap_up_s = 1
rest_after_no_answer_s = 2
"""


ANSWER = aiohttp.ClientTimeout(total=30)


class Member:
    """One process of a hotline: `hotline up`, or `hotline run SERVICE…`. `start`; `kill9`, `start` again; `stop`."""

    spoken: ClassVar[Path | None] = None
    """Prompts that a process of this test run has made."""

    def __init__(
        self, data_dir: Path, config: str = CONFIG, services: Sequence[str] = (), more: Mapping[str, str] | None = None
    ) -> None:
        """No `services`: `hotline up`. `more` settings: environment variables without their `HOTLINE_`."""
        self.data_dir = data_dir
        self._verb = ["run", *services] if services else ["up"]
        self._environment = {f"HOTLINE_{name}": value for name, value in (more or {}).items()}
        self.config_file = data_dir.parent / f"{data_dir.name}.toml"
        flows = data_dir.parent / f"{data_dir.name}-flows"
        flows.mkdir()
        for flow in (OWN_FLOWS / "main.yaml", *sorted((Path(__file__).parent / "flows").glob("*.yaml"))):
            shutil.copy(flow, flows)
        self.config_file.write_text(config.replace("{flows}", str(flows)), encoding="utf-8")
        self.output = data_dir.parent / f"{data_dir.name}.out"
        self.runtime: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None

    # --- life ---------------------------------------------------------------------------------------------------------

    def command(self, *args: str) -> list[str]:
        """Return a command line of `hotline` for this data directory."""
        return [
            sys.executable,
            "-m",
            "hotline",
            "--config",
            str(self.config_file),
            "--data-dir",
            str(self.data_dir),
            *args,
        ]

    async def start(self, within_s: float = 120.0) -> None:
        """Run it and wait until it says that it is up."""
        await self.begin()
        await eventually(self._is_up, within_s=within_s, what=f"hotline {' '.join(self._verb)}")

    async def begin(self) -> None:
        """Run it, and do not wait until it is up."""
        self._bring_prompts()
        (self.data_dir / "runtime.json").unlink(missing_ok=True)
        with self.output.open("ab") as out:
            self._process = subprocess.Popen(  # not asyncio's, which belongs to one loop: a hotline may be shared by tests
                self.command(*self._verb), stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                env=os.environ | self._environment,
            )  # fmt: skip

    def _bring_prompts(self) -> None:
        """Spare a new data directory the speaking of prompts that another one has already (they go by the hash of their text)."""
        mine = self.data_dir / "prompts"
        if not mine.exists() and Member.spoken is not None and Member.spoken.exists():
            self.data_dir.mkdir(mode=0o700, exist_ok=True)
            shutil.copytree(Member.spoken, mine)

    async def refused(self, within_s: float = 60.0) -> str:
        """Run it where it must refuse to start, and return the one sentence that says why."""
        process = await asyncio.create_subprocess_exec(
            *self.command(*self._verb), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, env=os.environ | self._environment | {"COLUMNS": "400"},
        )  # fmt: skip
        try:
            out, err = (b.decode() for b in await asyncio.wait_for(process.communicate(), within_s))
        except TimeoutError:
            process.kill()
            await process.wait()
            raise AssertionError(f"{self.data_dir.name} did not refuse to start") from None
        assert process.returncode in (1, 2), (process.returncode, out, err)
        assert "Traceback" not in out + err, err
        lines = err.splitlines()
        assert len(lines) == 1, err
        assert lines[0].startswith("hotline: "), err
        return lines[0].removeprefix("hotline: ")

    @property
    def began(self) -> bool:
        """Return whether it was ever started."""
        return self._process is not None

    @property
    def lives(self) -> bool:
        """Return whether its process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Return its process id."""
        assert self._process is not None
        return self._process.pid

    def _is_up(self) -> bool:
        if not self.lives:
            assert self._process is not None
            raise RuntimeError(f"hotline ended with {self._process.returncode}:\n{self.said()}")
        file = self.data_dir / "runtime.json"
        if not file.exists():
            return False
        self.runtime = json.loads(file.read_text(encoding="utf-8"))
        if (self.data_dir / "prompts").exists():
            Member.spoken = self.data_dir / "prompts"
        return True

    def said(self) -> str:
        """Return what it printed."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal (SIGSTOP, SIGCONT)."""
        assert self._process is not None
        self._process.send_signal(number)

    async def kill9(self) -> None:
        """Kill our process without a word."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self.status()

    async def status(self, within_s: float = 60.0) -> int:
        """Wait for its end, and return its exit status."""
        assert self._process is not None
        try:
            return await asyncio.to_thread(self._process.wait, within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"hotline did not end within {within_s:g} s:\n{self.said()}") from None

    async def terminate(self) -> int:
        """Ask it to end (SIGTERM) and return its exit status."""
        if self.lives:
            self.signal(signal.SIGTERM)
        return await self.status()

    async def stop(self) -> int:
        """As `terminate`; and what a killed one left behind is ended too."""
        status = await self.terminate()
        if status < 0:
            await self.run("down")
        return status

    async def run(self, *args: str, within_s: float = 120.0) -> tuple[int, str]:
        """Run another command of `hotline` on the same data directory; returns status and everything printed."""
        process = await asyncio.create_subprocess_exec(
            *self.command(*args),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            stdin=asyncio.subprocess.DEVNULL,
            env=os.environ | self._environment | {"COLUMNS": "200"},
        )
        try:
            out, _ = await asyncio.wait_for(process.communicate(), within_s)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        return process.returncode or 0, out.decode("utf-8", errors="replace")

    # --- its API --------------------------------------------------------------------------------------------------------

    async def ask(self, method: str, path: str, **more: Any) -> Any:
        """Ask its web server. Fails for an answer that is not a success."""
        headers = {"Authorization": f"Bearer {self.runtime['api_token']}"}
        async with (
            aiohttp.ClientSession(self.runtime["http"], headers=headers, timeout=ANSWER) as session,
            session.request(method, path, **more) as answer,
        ):
            if answer.content_type in ("application/json", "application/problem+json"):
                body = json.loads(await answer.text())
            else:
                body = await answer.read()
            assert answer.status < 300, (method, path, answer.status, body)
            return body

    async def metrics(self) -> dict[str, float]:
        """Return every series of /metrics: `name{labels}` -> value."""
        text = (await self.ask("GET", "/metrics")).decode()
        pairs = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    # --- phones ---------------------------------------------------------------------------------------------------------

    def account(self, extension: str) -> Account:
        """Return what a seat registers with."""
        seat = next(s for s in self.runtime["seats"] if s["extension"] == extension)
        return Account(extension=extension, password=seat["sip_password"])

    def exchange(self, sipp: tuple[str, ...], env: dict[str, str]) -> Exchange:
        """Return what synthetic phones connect to."""
        host, _, port = self.runtime["asterisk"]["sip"].rpartition(":")
        return Exchange(
            sipp=sipp, host=host, port=int(port), trunk_from=self.runtime["asterisk"]["trunk_from"], env=env
        )


class Questions(ABC):
    """What a test asks a hotline, however many processes it has."""

    @abstractmethod
    async def ask(self, method: str, path: str, **more: Any) -> Any:
        """Ask the API."""

    async def get(self, path: str, **query: Any) -> Any:
        """GET below /api/v1."""
        return await self.ask("GET", f"/api/v1/{path}", params=query)

    async def put(self, path: str, body: Any) -> Any:
        """PUT below /api/v1."""
        return await self.ask("PUT", f"/api/v1/{path}", json=body)

    async def post(self, path: str, body: Any) -> Any:
        """POST below /api/v1."""
        return await self.ask("POST", f"/api/v1/{path}", json=body)

    # --- what happened --------------------------------------------------------------------------------------------------

    async def agent_state(self, agent: str) -> str:
        """Return the present state of an agent."""
        return str((await self.get(f"agents/{agent}"))["state"])

    async def set_ready(self, *agents: str) -> None:
        """Log agents in and make them ready."""
        for agent in agents:
            await self.put(f"agents/{agent}/state", {"state": "ready"})
            await eventually(lambda a=agent: self._is(a, "ready"), what=f"agent {agent} ready")  # type: ignore[misc]

    async def _is(self, agent: str, state: str) -> bool:
        return await self.agent_state(agent) == state

    async def wait_agent(self, agent: str, state: str) -> None:
        """Wait until an agent is in a state."""
        await eventually(lambda: self._is(agent, state), what=f"agent {agent} {state}")

    async def call_of(self, caller_number: str) -> dict[str, Any]:
        """Wait for the row of the newest call from a number."""

        async def look() -> Any:
            items = (await self.get("calls", number=caller_number, limit=1))["items"]
            return items[0] if items else None

        return dict(await eventually(look, what=f"a call from {caller_number}"))

    async def ended(self, caller_number: str) -> dict[str, Any]:
        """Wait until the newest call from a number is over, and return its row."""

        async def look() -> Any:
            call = await self.call_of(caller_number)
            return call if call.get("ended_at") else None

        return dict(await eventually(look, what=f"the end of the call from {caller_number}"))

    async def facts(self, call_id: str) -> list[dict[str, Any]]:
        """Return the journal of a call."""
        return [entry["fact"] for entry in await self.get(f"calls/{call_id}/journal")]

    async def wait_fact(
        self, caller_number: str, kind: str, /, *, within_s: float = PATIENCE_S, **fields: Any
    ) -> dict[str, Any]:
        """Wait until the journal of the newest call from a number holds a fact with these fields, and return it."""

        async def look() -> Any:
            call = await self.call_of(caller_number)
            for fact in await self.facts(call["call_id"]):
                if fact["type"] == kind and fields.items() <= fact.items():
                    return fact
            return None

        return dict(await eventually(look, within_s=within_s, what=f"{kind} {fields} of the call from {caller_number}"))


class Running(Member, Questions):
    """A hotline in one process: `hotline up`."""

    async def ask(self, method: str, path: str, **more: Any) -> Any:
        """Ask its web server."""
        return await Member.ask(self, method, path, **more)
