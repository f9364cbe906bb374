"""`hotline demo`: synthetic callers and agents by real SIP, then the account: is every one of their calls in the database?"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from statistics import quantiles
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from hotline.cli.client import Client, read_node
from hotline.cli.shell import JsonFlag, console, errors, one_sentence, print_json, shell
from hotline.errors import HotlineError, Misuse, Rejected
from hotline.runtime.clock import wall_time

if TYPE_CHECKING:
    from hotline.settings import Settings
    from telephony.phones.demo import DemoOutcome, DemoProgress
    from telephony.phones.plan import DemoPlan
    from telephony.phones.sipp import Exchange

SETTLE_S = 30.0
PERCENTILES = (50, 95, 99)
WRAP_UP_S = 1.0
STREAM_CALLS = 10_000
STREAM_RATE = 0.15
STREAM_AGENTS = 4


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What the database says about the calls of a demo, beside what the phones saw."""

    placed: int
    """Calls that the synthetic callers made."""
    offered: int
    """Of those, in the database with an entry into a queue."""
    answered: int
    abandoned: int
    other: int
    """Ended before a queue, or left it otherwise."""
    answered_in_threshold: int
    threshold_s: float
    connect_rate: float | None
    """Formula B: answered within the threshold / (answered + abandoned)."""
    wait_s: dict[str, float | None]
    """Percentiles of the waits of answered callers."""
    recordings: int
    recordings_marked: int
    problems: tuple[str, ...]
    """Everything that does not add up; empty is what is wanted."""


@one_sentence
def demo(
    ctx: typer.Context,
    calls: Annotated[int, typer.Option(min=1, max=100_000, help="How many calls.")] = 50,
    rate: Annotated[float, typer.Option(min=0.01, max=200, help="Calls per second.")] = 2.0,
    agents: Annotated[int, typer.Option(min=1, max=2000, help="How many seats take calls.")] = 5,
    talk: Annotated[float, typer.Option(min=0.5, max=3600, help="Mean seconds of a conversation.")] = 5.0,
    patience: Annotated[float, typer.Option(min=1, max=3600, help="Seconds that most callers wait.")] = 60.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same callers.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """Send real SIP calls through the running Asterisk, and account for every one of them.

    Example: hotline demo --calls 200 --rate 5 --agents 10. Exit status 0 only if every call is accounted for.
    """
    from hotline.runtime import logs
    from telephony.phones.plan import DemoPlan

    logs.configure(json=False, level="error")  # standard output is for the result
    settings = shell(ctx).settings()
    runtime = read_node(settings.data_dir)
    plan = DemoPlan(
        calls=calls, rate=rate, agents=agents, talk_s=talk, patience_s=patience, seed=seed,
        number=next(iter(runtime["numbers"].values())),
    )  # fmt: skip
    client = Client.of(settings.data_dir)
    began = datetime.fromtimestamp(wall_time() - 1, UTC).isoformat()
    exchange = _exchange(runtime, lambda sentence: errors.print(f"hotline: {sentence}", markup=False))
    outcome = asyncio.run(_play(exchange, plan, runtime, client, quiet=as_json))
    account = _account(client, plan, outcome, began, settings)
    if as_json:
        print_json(msgspec.to_builtins({"phones": msgspec.to_builtins(outcome), "database": account}))
    else:
        _print(account, outcome)
    if account.problems:
        raise typer.Exit(1)


def _exchange(runtime: dict[str, Any], tell: Callable[[str], None]) -> "Exchange":
    from telephony.phones.program import find_sipp
    from telephony.phones.sipp import Exchange

    command, environment = find_sipp(tell)
    host, _, port = runtime["asterisk"]["sip"].rpartition(":")
    return Exchange(
        sipp=command,
        env=environment,
        host=host,
        port=int(port),
        trunk_from=runtime["asterisk"]["trunk_from"],
    )


# --- playing ----------------------------------------------------------------------------------------------------------------


async def _play(
    exchange: "Exchange", plan: "DemoPlan", runtime: dict[str, Any], client: Client, *, quiet: bool
) -> "DemoOutcome":
    from telephony.phones.demo import Demo
    from telephony.phones.injection import Account as SipAccount

    seats = list({seat["agent"]: seat for seat in reversed(runtime["seats"])}.values())[::-1]  # the first of each agent
    if len(seats) < plan.agents:
        raise Misuse(f"--agents {plan.agents}: there are only {len(seats)} seats; set seats.count, or ask for fewer")
    agent_of = {seat["extension"]: seat["agent"] for seat in seats}
    accounts = [SipAccount(extension=s["sip_user"], password=s["sip_password"]) for s in seats]

    async def set_agent(extension: str, wish: str) -> None:
        await asyncio.to_thread(client.put, f"/api/v1/agents/{agent_of[extension]}/state", {"state": wish})

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} calls"),
        TextColumn("{task.fields[state]}"), TimeElapsedColumn(), console=errors, disable=quiet,
    )  # fmt: skip
    with bar:
        row = bar.add_task("demo", total=plan.calls, state="")
        async with Demo(exchange, plan, accounts, set_agent) as running:
            finishing = asyncio.ensure_future(
                _end_wrap_ups(client, {agent_of[a.extension] for a in accounts[: plan.agents]})
            )
            try:
                async for now in running.progress():
                    bar.update(row, completed=now.placed - now.live, state=_state(now))
            finally:
                finishing.cancel()
                await asyncio.gather(finishing, return_exceptions=True)
        return running.outcome()


async def _end_wrap_ups(client: Client, agents: set[str]) -> None:
    """Let the synthetic agents finish their wrap-up within a second or so, as busy agents do."""
    while True:
        await asyncio.sleep(WRAP_UP_S)
        for agent in await asyncio.to_thread(client.get, "/api/v1/agents"):
            if agent["id"] not in agents or agent["state"] != "wrap_up":
                continue
            try:
                # An outcome that is required is waived: nobody said anything.
                path, wish = ("forced-state", "ready") if agent["outcome_required"] else ("state", "end_wrap_up")
                await asyncio.to_thread(client.put, f"/api/v1/agents/{agent['id']}/{path}", {"state": wish})
            except Rejected:
                continue  # it has ended by itself


def _state(now: "DemoProgress") -> str:
    return f"live {now.live}  talking {now.talking}  connected {now.connected}  failed {now.failed}"


async def stream(settings: "Settings", runtime: dict[str, Any], tell: Callable[[str], None]) -> None:
    """Play a gentle stream of calls for ever, beside whatever else happens (`hotline up --demo`)."""
    import structlog

    from telephony.phones.plan import DemoPlan

    log = structlog.get_logger(__name__)
    client = Client.of(settings.data_dir)
    exchange = await asyncio.to_thread(_exchange, runtime, tell)
    tell(f"demo: a call every {1 / STREAM_RATE:.0f} s, {STREAM_AGENTS} synthetic agents")
    seed = 0
    while True:
        seed += 1
        plan = DemoPlan(
            calls=STREAM_CALLS, rate=STREAM_RATE, agents=min(STREAM_AGENTS, len(runtime["seats"])), talk_s=20.0,
            seed=seed, number=next(iter(runtime["numbers"].values())),
        )  # fmt: skip
        try:
            await _play(exchange, plan, runtime, client, quiet=True)
        except HotlineError as exc:
            log.warning("demo interrupted; it begins anew", error=str(exc))
            await asyncio.sleep(5.0)


# --- accounting ---------------------------------------------------------------------------------------------------------------


def _account(client: Client, plan: "DemoPlan", outcome: "DemoOutcome", began: str, settings: "Settings") -> Account:
    from telephony.phones.plan import caller_scripts

    numbers = {script.line.caller_number for script in caller_scripts(plan)}
    calls = asyncio.run(_settled_calls(client, numbers, began, outcome.placed))
    recordings = [
        r for r in _all(client, "/api/v1/recordings", since=began) if r["call_id"] in {c["call_id"] for c in calls}
    ]
    threshold_s = min(q.threshold_s for q in settings.queues)
    answered = [c for c in calls if c["outcome"] == "answered"]
    abandoned = [c for c in calls if c["outcome"] in ("abandoned", "short_abandoned")]
    waits = sorted(c["wait_s"] for c in answered)
    in_threshold = sum(w <= threshold_s for w in waits)
    audit = client.get("/api/v1/reports/audit", since=began)["findings"]
    return Account(
        placed=outcome.placed,
        offered=sum(c["queued_at"] is not None for c in calls),
        answered=len(answered),
        abandoned=len(abandoned),
        other=len(calls) - len(answered) - len(abandoned),
        answered_in_threshold=in_threshold,
        threshold_s=threshold_s,
        connect_rate=in_threshold / (len(answered) + len(abandoned)) if answered or abandoned else None,
        wait_s={f"p{p}": _percentile(waits, p) for p in PERCENTILES},
        recordings=sum(r["status"] == "stored" for r in recordings),
        recordings_marked=sum(r["status"] not in ("stored", "recording") for r in recordings),
        problems=tuple(_problems(outcome, calls, answered, recordings, audit)),
    )


async def _settled_calls(client: Client, numbers: set[str], began: str, placed: int) -> list[dict[str, Any]]:
    """Return the demo's calls once all are over in the database, or what there is after `SETTLE_S`."""
    deadline = asyncio.get_running_loop().time() + SETTLE_S
    while True:
        calls = [c for c in _all(client, "/api/v1/calls", since=began) if c["caller_number"] in numbers]
        over = all(c["ended_at"] is not None for c in calls)
        settled = not any(r["status"] == "recording" for r in _all(client, "/api/v1/recordings", since=began))
        if (len(calls) >= placed and over and settled) or asyncio.get_running_loop().time() > deadline:
            return calls
        await asyncio.sleep(0.5)


def _all(client: Client, path: str, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = client.get(path, limit=500, cursor=cursor, **query)
        found += page["items"]
        cursor = page.get("next")
        if cursor is None:
            return found


def _percentile(waits: Sequence[float], percent: int) -> float | None:
    if len(waits) < 2:
        return waits[0] if waits else None
    return quantiles(waits, n=100, method="inclusive")[percent - 1]


def _problems(
    outcome: "DemoOutcome",
    calls: list[dict[str, Any]],
    answered: list[dict[str, Any]],
    recordings: list[dict[str, Any]],
    audit: list[dict[str, Any]],
) -> list[str]:
    """Compare what the phones saw with what the database says, call by call where it can be."""
    problems: list[str] = []
    if len(calls) != outcome.placed:
        problems.append(f"{outcome.placed} calls were placed, {len(calls)} are in the database")
    problems += [f"{n} calls were refused with {code}" for code, n in outcome.refused.items()]
    if outcome.broken:
        problems.append(f"{outcome.broken} calls broke off")
    if len(answered) != outcome.connected:
        problems.append(f"agents picked up {outcome.connected} calls, the database says {len(answered)}")
    open_calls = [c["call_id"] for c in calls if c["ended_at"] is None]
    problems += [f"call {c} has no end" for c in open_calls]
    recorded = Counter(r["call_id"] for r in recordings if r["status"] != "recording")
    problems += [f"call {c['call_id']} has no recording and no mark" for c in answered if not recorded[c["call_id"]]]
    problems += [f"audit: {f['kind']}: {f['detail']} (call {f.get('call_id') or '-'})" for f in audit]
    return problems


def _print(account: Account, outcome: "DemoOutcome") -> None:
    rate = "-" if account.connect_rate is None else f"{account.connect_rate:.1%}"
    waits = "  ".join(f"{name} {'-' if w is None else f'{w:.1f}'}" for name, w in account.wait_s.items())
    lines = [
        ("placed", f"{account.placed} in {outcome.took_s:.1f} s"),
        ("offered", f"{account.offered} (entered a queue)"),
        ("answered", f"{account.answered}"),
        ("abandoned", f"{account.abandoned}"),
        ("other", f"{account.other} (ended before the queue, or left it otherwise)"),
        ("connect rate", f"{rate} = answered within {account.threshold_s:g} s / (answered + abandoned) [formula B]"),
        ("within", f"{account.answered_in_threshold} answered within {account.threshold_s:g} s"),
        ("wait s", waits),
        ("recordings", f"{account.recordings} stored, {account.recordings_marked} marked"),
        (
            "journal check",
            "every call is accounted for" if not account.problems else f"{len(account.problems)} problem(s)",
        ),
    ]
    for name, text in lines:
        console.print(f"{name:<14} {text}", markup=False, soft_wrap=True)
    for problem in account.problems:
        console.print(f"  ! {problem}", markup=False, style="red", soft_wrap=True)
