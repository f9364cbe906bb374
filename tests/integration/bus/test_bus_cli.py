"""`hotline bus dead …` as an operator types it."""

import asyncio
import json
import sys
from pathlib import Path

from hotline.facts import Fact
from tests.integration.bus.conftest import World
from tests.integration.bus.test_bus_contract import ended, take
from tests.integration.bus.test_rabbitmq_faults import send_raw, wire
from tests.support.wait import eventually


async def hotline(config: Path, *args: str) -> tuple[int, str, str]:
    """Run the command line and return its status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hotline", "--config", str(config), "bus", *args,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        out, err = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_list_show_and_requeue(brokered: World, tmp_path: Path) -> None:
    config = tmp_path / "hotline.toml"
    config.write_text(f'[bus]\nkind = "rabbitmq"\nurl = "{brokered.broker.url()}"\nprefix = "{brokered.prefix}"\n')
    status, _, err = await hotline(config, "dead", "list")
    assert (status, "no dead letters of ours yet" in err) == (1, True)

    inbox = brokered.far.bus.subscribe("all", Fact, durable=True)
    await brokered.start()
    assert "no dead letters" in (await hotline(config, "dead", "list"))[1]
    await send_raw(brokered.settings(), wire(1).replace(b'"v":1', b'"v":9'), message_id="f-1")

    async def listed() -> list[dict[str, object]]:
        return list(json.loads((await hotline(config, "dead", "list", "--json"))[1]))

    letters = await eventually(listed, within_s=60, what="a dead letter")
    assert [x["id"] for x in letters] == ["f-1"]
    assert json.loads((await hotline(config, "dead", "show", "f-1"))[1])["body"].startswith('{"id":"f-1"')
    assert (await hotline(config, "dead", "show", "f-2"))[0] == 1
    assert (await hotline(config, "dead", "requeue"))[0] == 1
    assert (await hotline(config, "dead", "requeue", "f-2"))[0] == 1
    status, out, _ = await hotline(config, "dead", "requeue", "f-1")
    assert (status, out.strip()) == (0, "1 put back")
    await eventually(listed, within_s=60, what="it dies again, for we still cannot read it")
    brokered.near.bus.publish(ended(8))
    assert await take(inbox, 1) == [ended(8)]


async def test_the_memory_bus_has_none(tmp_path: Path) -> None:
    config = tmp_path / "hotline.toml"
    config.write_text("")
    status, _, err = await hotline(config, "dead", "list")
    assert status == 1
    assert 'kind = "rabbitmq"' in err
