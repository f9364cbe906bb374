"""The command line on one process of several: what it does not serve itself it has from the others, or it says who has it."""

import asyncio
import json
from pathlib import Path

from typer.testing import CliRunner, Result

from hotline.cli.main import app
from hotline.web.routes import Page, PageQuery, Route
from tests.integration.web.house import Process, recordings_at, route, running, token_of


class Filter(PageQuery, frozen=True, kw_only=True):
    call: str = ""


def listed(recording: str, status: str = "stored") -> Route:
    rows = {"items": [{"recording_id": recording, "status": status}], "next": None}
    return route("GET", "recordings", lambda _: rows, query=Filter, answer=Page[dict[str, str]])


async def run(data_dir: Path, process: Process, *words: str) -> Result:
    """Run a command on a data directory whose `runtime.json` names one process."""
    data_dir.mkdir(exist_ok=True)
    runtime = {"http": process.url, "api_token": token_of(process.name)}
    (data_dir / "runtime.json").write_text(json.dumps(runtime), encoding="utf-8")
    return await asyncio.to_thread(CliRunner().invoke, app, ["--data-dir", str(data_dir), *words])


async def test_a_recording_of_any_node_is_fetched_through_the_process_with_the_calls(tmp_path: Path) -> None:
    call = "c" * 36
    async with (
        running("node1", recordings_at(tmp_path, "node1", "r1")) as node1,
        running("node2", recordings_at(tmp_path, "node2", "r2")) as node2,
        running("crm1", [listed("r2")], node1.as_upstream(), node2.as_upstream()) as crm,
    ):
        await crm.finds("recordings/r2/audio")
        result = await run(tmp_path / "data", crm, "recording", call, "-o", str(tmp_path / "talk.wav"))
    assert result.exit_code == 0, result.output
    assert (tmp_path / "talk.wav").read_bytes() == b"RIFF of r2 at node2"


async def test_a_recording_without_audio_says_why(tmp_path: Path) -> None:
    async with running("crm1", [listed("r1", "too_short")]) as crm:
        result = await run(tmp_path / "data", crm, "recording", "c" * 36)
    assert result.exit_code == 1
    assert "recording r1 has no audio to fetch: too short" in result.stderr


async def test_on_the_wrong_process_the_command_line_says_which_service_to_ask(tmp_path: Path) -> None:
    async with running("node1", []) as node1:
        result = await run(tmp_path / "data", node1, "agent", "list")
    assert result.exit_code == 1
    assert "(node1) does not serve /api/v1/agents: a process that runs acd does" in result.stderr


async def test_a_process_that_is_away_is_named(tmp_path: Path) -> None:
    async with running("acd1", [route("GET", "agents", lambda _: [])]) as acd:
        upstream = acd.as_upstream()
        async with running("crm1", [], upstream) as crm:
            await crm.knows("agents")
            await acd.stop()
            result = await run(tmp_path / "data", crm, "agent", "list")
            await acd.start()
    assert result.exit_code == 1
    assert f"acd1 at {upstream.url} cannot be reached; is that process running?" in result.stderr
