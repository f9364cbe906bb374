"""`hotline doctor`: is this installation sound? Each check with what was found, and a remedy beside every failure."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import typer
from rich.markup import escape

from hotline import __version__
from hotline.cli.checks import Failed, Finding, judged, run_check
from hotline.cli.client import Client, read_runtime
from hotline.cli.shell import DataDir, JsonFlag, console, errors, one_sentence, print_json, shell
from hotline.errors import HotlineError

if TYPE_CHECKING:
    from hotline.settings import Settings

TEST_CALL_S = 20.0
SPOOL_WARN = 10_000


@one_sentence
def doctor(ctx: typer.Context, data_dir: DataDir = None, as_json: JsonFlag = False) -> None:
    """Test this installation: versions, ports, sounds, manager rights, and a test call with its CEL line.

    What needs a running hotline is tested when one runs on the data directory. Exit status 1 if anything fails.
    Example: hotline doctor --json
    """
    from hotline.runtime import logs

    settings = shell(ctx).settings(data_dir)
    logs.configure(json=False, level="critical")  # what goes wrong is told as a finding
    findings = list(_still_checks(settings))
    findings += asyncio.run(_live_checks(settings))
    if as_json:
        print_json(msgspec.to_builtins(findings))
    else:
        for finding in findings:
            _show(finding)
    if not all(f.ok for f in findings):
        raise typer.Exit(1)


def _show(finding: Finding) -> None:
    mark = "[green]ok  [/green]" if finding.ok else "[red]FAIL[/red]"
    console.print(f"{mark} {finding.check:<12} {escape(finding.found)}", soft_wrap=True)
    if finding.remedy:
        console.print(f"                  → {escape(finding.remedy)}", soft_wrap=True)


# --- what can be seen without a running hotline ---------------------------------------------------------------------------


def _still_checks(settings: "Settings") -> Iterator[Finding]:
    from hotline.cli.doctor_disk import check_directory, check_spool
    from hotline.cli.doctor_outgoing import REMEDY, check_outgoing
    from hotline.runtime.clock import SteadyClock

    yield run_check("versions", _versions, "")
    yield Finding(check="settings", ok=True, found="they fit together")  # else nothing could be looked at
    yield run_check("data", lambda: check_directory(settings.data_dir), "choose another --data-dir")
    yield check_spool(settings.data_dir, SteadyClock().now())
    yield run_check(
        "asterisk", lambda: _asterisk(settings), "when that is mended, run `hotline up`: it brings Asterisk"
    )
    yield run_check("outgoing", lambda: check_outgoing(settings), REMEDY)
    yield _fonts()
    yield run_check("flows", lambda: _flows(settings), "run `hotline flow check FILE` and correct the file")


def _versions() -> str:
    return f"hotline {__version__}, Python {sys.version.split()[0]}"


def _fonts() -> Finding:
    """Whether forecasts can be drawn with Chinese words. Nothing else needs a font, so none is no failure."""
    from forecast.plots import fonts

    found = fonts.chinese_font()
    said = "no Chinese font: PNG pictures have English words" if found is None else fonts.sentence()
    return Finding(check="pictures", ok=True, found=said, remedy=fonts.REMEDY if found is None else "")


def _asterisk(settings: "Settings") -> str:
    from telephony.asterisk.install import find_or_bring

    installation = find_or_bring(settings, lambda sentence: errors.print(f"hotline: {sentence}", markup=False))
    if not any(installation.sounds_dir.glob("*.gsm")):
        raise Failed(
            f"no sounds in {installation.sounds_dir}", "remove the private copy in the cache and run `hotline up`"
        )
    return f"Asterisk {installation.version}, sounds in place"


def _flows(settings: "Settings") -> str:
    from ivr.flow.library import read_flows

    library = read_flows(settings)
    if library.problems:
        raise Failed("; ".join(library.problems), "run `hotline flow check FILE` and correct the file")
    return f"{len(library.flows)} flow(s) for {', '.join(sorted(library.by_number))}"


# --- what needs a running hotline -------------------------------------------------------------------------------------------


async def _live_checks(settings: "Settings") -> list[Finding]:
    """Test what runs; when nothing does, that is the only finding."""
    try:
        runtime = read_runtime(settings.data_dir)
        client = Client.of(settings.data_dir)
        await asyncio.to_thread(client.text, "/healthz")
    except HotlineError as exc:
        return [judged("running", exc, "run `hotline up`, then this again")]
    checks: list[tuple[str, Callable[[], Awaitable[str]]]] = [
        ("running", lambda: _running(client, runtime)),
        ("numbers", lambda: _numbers(client)),
        ("manager", lambda: _manager_rights(settings, runtime)),
        ("prompts", lambda: _prompts(settings)),
        ("test call", lambda: _test_call(client, settings, runtime)),
    ]
    findings = []
    for name, check in checks:
        try:
            findings.append(Finding(check=name, ok=True, found=await check()))
        except (Failed, HotlineError) as exc:
            findings.append(judged(name, exc, f"look into {settings.data_dir / 'log' / 'hotline.log'}"))
    return findings


def _mend_asterisk(runtime: dict[str, Any]) -> str:
    asterisk = runtime["asterisk"]
    return (
        f"look into {asterisk['log_dir']}; if Asterisk hangs, end it with `kill -9 {asterisk['pid']}`: "
        "it is started again by itself (calls in it are lost)"
    )


async def _running(client: Client, runtime: dict[str, Any]) -> str:
    parts = await asyncio.to_thread(client.readiness)
    missing = sorted(name for name, ok in parts.items() if not ok)
    if missing:
        raise Failed(f"not ready: {', '.join(missing)}", _mend_asterisk(runtime))
    return f"{client.base} is ready ({', '.join(sorted(parts))})"


async def _numbers(client: Client) -> str:
    """Is what the spool holds on its way into the journal?"""
    text = await asyncio.to_thread(client.text, "/metrics")
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    waiting = float(values.get("hotline_spool_facts", "0"))
    if waiting > SPOOL_WARN:
        raise Failed(
            f"{waiting:.0f} facts wait in the spool",
            "see whether PostgreSQL runs and its disk has room; the facts are safe and will follow",
        )
    return f"{waiting:.0f} fact(s) in the spool, {len(values)} series at /metrics"


@asynccontextmanager
async def _manager(settings: "Settings", runtime: dict[str, Any]) -> AsyncIterator[Any]:
    """Log in to Asterisk's manager with our own rights."""
    from hotline.ids import NodeId
    from hotline.runtime.clock import SteadyClock
    from hotline.runtime.tasks import TaskGroup
    from hotline.secrets import load_or_create
    from hotline.tally import Tally
    from telephony.ami.link import AmiLink
    from telephony.ami.messages import LinkUp

    secrets = load_or_create(settings.data_dir, settings.seats.extensions(), settings.seats.secret)
    secret = settings.ami.secret.get_secret_value() if settings.ami.secret else secrets.ami_secret
    host, _, port = runtime["asterisk"]["ami"].rpartition(":")
    tasks = TaskGroup("doctor")
    link = AmiLink(
        NodeId("doctor"), host, int(port), settings.ami.username, secret, settings.ami, SteadyClock(), Tally(), tasks
    )
    await link.start()
    try:
        try:
            async with asyncio.timeout(settings.ami.login_timeout_s):
                while not isinstance(await link.next_message(), LinkUp):
                    pass
        except TimeoutError:
            reason = link.down_reason.replace("_", " ")
            raise Failed(f"no login at {host}:{port}: {reason}", _mend_asterisk(runtime)) from None
        yield link
    finally:
        await link.close()
        await tasks.close()


async def _manager_rights(settings: "Settings", runtime: dict[str, Any]) -> str:
    async with _manager(settings, runtime) as link:
        for action, headers in (
            ("CoreStatus", {}),
            ("Status", {}),
            ("Setvar", {"Variable": "HOTLINE_DOCTOR", "Value": "1"}),
            ("Getvar", {"Variable": "HOTLINE_DOCTOR"}),
        ):
            try:
                await link.action(action, headers=headers)
            except HotlineError as exc:
                raise Failed(
                    f"{action} is refused: {exc}", "have the configuration generated anew: end `hotline up`, start it"
                ) from exc
    return "logged in; may do what we need"


async def _prompts(settings: "Settings") -> str:
    files = list((settings.data_dir / "prompts").rglob("*.wav"))
    if not files:
        raise Failed(
            "no prompts were generated; Asterisk's own English sounds are played",
            "with a network, end `hotline up` and start it again",
        )
    return f"{len(files)} prompts"


async def _test_call(client: Client, settings: "Settings", runtime: dict[str, Any]) -> str:
    """Let Asterisk call the first number itself; the call must reach our journal, and Asterisk's CEL file."""
    from telephony.asterisk.layout import plan_dirs

    number = next(iter(runtime["numbers"].values()))
    cel = plan_dirs(settings.data_dir).cel_file
    before = await asyncio.to_thread(_test_calls, client)
    async with _manager(settings, runtime) as link:
        await link.action(
            "Originate",
            headers={
                "Channel": f"Local/{number}@hotline-test", "Application": "Wait", "Data": "2", "Async": "true",
                "Timeout": "5000",
            },
        )  # fmt: skip
        call = await _appeared(client, before)
    if not await _written(cel, call):
        raise Failed(
            f"call {call} has no line in {cel}", f"see that the directory {cel.parent} exists and its disk has room"
        )
    return f"call {call} to {number} is in the journal and in CEL"


def _test_calls(client: Client) -> set[str]:
    return {c["call_id"] for c in client.get("/api/v1/calls", limit=100)["items"] if c["origin"] == "test"}


async def _appeared(client: Client, before: set[str]) -> str:
    deadline = asyncio.get_running_loop().time() + TEST_CALL_S
    while asyncio.get_running_loop().time() < deadline:
        new = await asyncio.to_thread(_test_calls, client) - before
        if new:
            return new.pop()
        await asyncio.sleep(0.2)
    raise Failed(
        f"no call arrived within {TEST_CALL_S:.0f} s",
        "check the flow (`hotline flow check`), and that the disk has room: a call shows when its facts are written",
    )


async def _written(cel: Path, call: str) -> bool:
    deadline = asyncio.get_running_loop().time() + TEST_CALL_S
    while cel.parent.is_dir() and asyncio.get_running_loop().time() < deadline:
        if call in await asyncio.to_thread(_text, cel):
            return True
        await asyncio.sleep(0.2)
    return False


def _text(file: Path) -> str:
    return file.read_text("utf-8", "replace") if file.exists() else ""
