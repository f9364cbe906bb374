"""A place of its own for the real command line: a directory, an environment, and the certainty that nothing was left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from telephony.asterisk.layout import plan_dirs

ROOT = Path(__file__).parents[2]
FREE_PORTS = {
    "HOTLINE_HTTP__PORT": "0",
    "HOTLINE_SIP__PORT": "0",
    "HOTLINE_SIP__RTP_START": "0",
    "HOTLINE_SIP__RTP_END": "400",
    "HOTLINE_AMI__PORT": "0",
    "HOTLINE_DATABASE__FSYNC": "false",
    "HOTLINE_SEATS__COUNT": "2",
}
PATIENCE_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What a command said and how it ended."""

    status: int
    out: str
    err: str
    seconds: float

    def refused(self) -> str:
        """Return the one sentence with which the command failed; anything else about its end is an error."""
        assert self.status == 1, self
        assert "Traceback" not in self.out + self.err, self
        lines = self.err.splitlines()
        assert len(lines) == 1, self
        assert lines[0].startswith("hotline: "), self
        return lines[0].removeprefix("hotline: ")


class Command:
    """A command under way."""

    def __init__(self, process: "subprocess.Popen[bytes]", out: Path, err: Path) -> None:
        self.process = process
        self._out, self._err = out, err
        self._began = time.monotonic()

    def said(self) -> str:
        """Return all that it printed so far."""
        return self._out.read_text() + self._err.read_text()

    def wait_said(self, text: str) -> None:
        """Wait until it has printed `text`."""
        self.wait(lambda: text in self.said(), text)

    def wait(self, check: Callable[[], bool], what: str) -> None:
        """Wait until `check` is true; an end of the command before that is an error."""
        deadline = time.monotonic() + PATIENCE_S
        while not check():
            assert self.process.poll() is None, f"ended before {what}: {self.said()}"
            assert time.monotonic() < deadline, f"never {what}: {self.said()}"
            time.sleep(0.02)

    def finish(self, within_s: float = PATIENCE_S) -> Ended:
        """Wait for its end."""
        try:
            status = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"no end within {within_s:g} s: {self.said()}") from None
        seconds = time.monotonic() - self._began
        return Ended(status=status, out=self._out.read_text(), err=self._err.read_text(), seconds=seconds)

    def stop(self, number: signal.Signals = signal.SIGTERM, within_s: float = 30.0) -> Ended:
        """Tell it to stop, and wait until it has; the seconds are those of the stop."""
        self._began = time.monotonic()
        if number == signal.SIGINT:
            os.killpg(self.process.pid, number)  # as a terminal does
        else:
            self.process.send_signal(number)
        return self.finish(within_s)


class Place:
    """A working directory with a data directory `data`, both its own."""

    def __init__(self, home: Path, **environment: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.data = home / "data"
        self.logs = home.with_name(f"{home.name}-said")
        self.logs.mkdir()
        self.mark = f"HOTLINE_TEST_PLACE={uuid4()}"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}
        self.env = {**inherited, **FREE_PORTS, **environment, "COLUMNS": "200", "PYTHONPATH": str(ROOT)}
        self.env.update([self.mark.split("=")])

    def start(self, *command: str, env: Mapping[str, str] | None = None) -> Command:
        """Start any command line here."""
        stem = str(len(list(self.logs.iterdir())))
        out, err = self.logs / f"{stem}.out", self.logs / f"{stem}.err"
        with out.open("wb") as to_out, err.open("wb") as to_err:
            process = subprocess.Popen(
                command, cwd=self.home, env={**self.env, **(env or {})},
                stdin=subprocess.DEVNULL, stdout=to_out, stderr=to_err, start_new_session=True,
            )  # fmt: skip
        return Command(process, out, err)

    def hotline(self, *args: str, wrapper: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Command:
        """Start a command of `hotline`."""
        return self.start(*wrapper, sys.executable, "-m", "hotline", *args, env=env)

    def run(self, *args: str, wrapper: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Ended:
        """Run a command of `hotline` to its end."""
        return self.hotline(*args, wrapper=wrapper, env=env).finish()

    def up(self, *args: str) -> Command:
        """Start `hotline up` and wait until it is up."""
        command = self.hotline("up", *args)
        command.wait((self.data / "runtime.json").exists, "runtime.json")
        return command

    # --- what is left -----------------------------------------------------------------------------------------------------

    def processes(self) -> dict[int, str]:
        """Return every living process that was started here or works on our data directory."""
        found = {}
        for entry in Path("/proc").iterdir():
            with suppress(OSError, IndexError):
                if not entry.name.isdigit() or (entry / "stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                    continue
                command = (entry / "cmdline").read_bytes()
                if self.mark.encode() in (entry / "environ").read_bytes() or os.fsencode(self.data) in command:
                    found[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace")
        return found

    def assert_nothing_left(self, cache: Path | None = None) -> None:
        """Fail if a process lives, or something half-made lies about."""
        deadline = time.monotonic() + 10.0
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not self.processes()
        assert not (self.data / "runtime.json").exists()
        half_made = [*self.data.glob("postgres/new-*"), *self.data.glob("**/.*.new"), *self.data.glob("**/.*.wav.*")]
        half_made += list(cache.glob("tools/*/part-*")) if cache is not None else []
        assert not half_made
        dirs = plan_dirs(self.data)
        assert dirs.run.is_relative_to(self.data) or not dirs.run.exists()

    def clean_up(self) -> None:
        """End whatever a failed test left."""
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
