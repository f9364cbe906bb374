"""A broker that refuses us, is not there, or has something else under our names: a clear error, and it stays as it was."""

import re
import shlex
import socket

import pytest
from pydantic import SecretStr

from hotline.errors import HotlineError, Misuse, Unavailable
from hotline.facts import Fact
from hotline.settings import Bus as BusSettings
from tests.integration.bus.conftest import World
from tests.integration.bus.test_bus_contract import ended, take
from tests.support.rabbitmq import DEPLOY
from tests.support.wait import eventually


async def refused(world: World, **more: object) -> HotlineError:
    """Start a process that must not start, and return the error."""
    process = world.process("refused", **more)
    process.bus.subscribe("all", Fact)
    process.bus.subscribe("each", Fact, durable=True)
    with pytest.raises(HotlineError) as caught:
        await process.bus.start()
    await process.end()
    return caught.value


async def test_users_without_rights_are_refused_and_nothing_is_made(brokered: World) -> None:
    rights = {
        "vhost": (), "none": ("^$", "^$", "^$"), "no-write": (".*", "^$", ".*"), "no-read": (".*", ".*", "^$"),
        "no-configure": ("^$", ".*", ".*"),
    }  # fmt: skip
    urls = await brokered.broker.add_users({f"{brokered.prefix}-{name}": found for name, found in rights.items()})
    for name, url in urls.items():
        error = await refused(brokered, url=SecretStr(url))
        assert isinstance(error, Misuse), name
        assert name in str(error)
    assert await brokered.broker.names(brokered.prefix) == set()


async def test_rights_on_our_names_alone_are_enough(either: World) -> None:
    own = f"^{either.prefix}\\."
    url = await either.broker.add_user(f"{either.prefix}-own", own, own, own)
    process = either.process("own", url=SecretStr(url))
    inbox, counted = process.bus.subscribe("all", Fact), process.bus.subscribe("each", Fact, durable=True)
    process.rabbit.journal()
    await process.bus.start()
    process.bus.publish(ended(1))
    assert await take(inbox, 1) == await take(counted, 1) == [ended(1)]
    await eventually(lambda: process.spool.count == 0, what="a confirmed fact")


async def test_what_the_guide_to_rabbitmq_says_is_enough(either: World) -> None:
    guide = (DEPLOY / "README.md").read_text(encoding="utf-8")
    for line in re.findall(r"^rabbitmqctl (.+)$", guide, re.MULTILINE):
        words = [str(DEPLOY / word) if word == "definitions.json" else word for word in shlex.split(line)]
        asked = ["the-password"] if words[0] == "add_user" else []
        await either.broker.control(*words, *asked)
    try:
        url = f"{either.broker.url('hotline', 'the-password')}hotline"
        process = either.process("own", url=SecretStr(url), prefix="hotline")
        inbox = process.bus.subscribe("each", Fact, durable=True)
        await process.bus.start()
        process.bus.publish(ended(1))
        assert await take(inbox, 1) == [ended(1)]
        await process.bus.close()
    finally:
        await either.broker.control("delete_vhost", "hotline")


async def test_a_wrong_password_is_not_shown(brokered: World) -> None:
    error = await refused(brokered, url=SecretStr(brokered.broker.url(password="hush-hush")))
    assert isinstance(error, Misuse)
    assert "hush" not in str(error)


async def test_an_unknown_virtual_host(brokered: World) -> None:
    error = await refused(brokered, url=SecretStr(brokered.broker.url() + "nowhere"))
    assert isinstance(error, Misuse)
    assert "nowhere" in str(error)


@pytest.mark.parametrize("setting", ["journal_max", "dead_max"])
async def test_queues_with_other_arguments(brokered: World, setting: str) -> None:
    first = brokered.process("first")
    await first.bus.start()
    await first.end()
    before = await brokered.broker.names(brokered.prefix)
    error = await refused(brokered, **{setting: 7})
    assert isinstance(error, Misuse)
    assert "x-max-length" in str(error)
    assert await brokered.broker.names(brokered.prefix) == before


@pytest.mark.parametrize("address", ["nobody", "mute"])
async def test_no_broker_at_the_address(address: str, brokered: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if address == "nobody":
            server.close()
        error = await refused(brokered, url=SecretStr(f"amqp://u:p@127.0.0.1:{port}/"), connect_timeout_s=0.5)
    assert isinstance(error, Unavailable)
    assert f"127.0.0.1:{port}" in str(error)


async def test_a_url_of_something_else(brokered: World) -> None:
    error = await refused(brokered, url=SecretStr("http://127.0.0.1/"))
    assert isinstance(error, Misuse)


def test_rabbitmq_needs_an_address() -> None:
    from hotline.settings import Settings

    with pytest.raises(ValueError, match=r"bus\.url"):
        Settings(bus=BusSettings(kind="rabbitmq"))
