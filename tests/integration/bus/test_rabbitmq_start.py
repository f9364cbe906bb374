"""A broker that refuses us, is not there, or has something else under our names: a clear error, and it stays as it was."""

import socket

import pytest
from pydantic import SecretStr

from hotline.errors import HotlineError, Misuse, Unavailable
from hotline.facts import Fact
from hotline.settings import Bus as BusSettings
from tests.integration.bus.conftest import World
from tests.integration.bus.test_bus_contract import ended, take
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


@pytest.mark.parametrize(
    "rights",
    [(), ("^$", "^$", "^$"), (".*", "^$", ".*"), (".*", ".*", "^$"), ("^$", ".*", ".*")],
    ids=["vhost", "none", "no-write", "no-read", "no-configure"],
)
async def test_a_user_without_rights(brokered: World, rights: tuple[str, ...]) -> None:
    url = await brokered.broker.add_user(f"{brokered.prefix}-weak", *rights)
    error = await refused(brokered, url=SecretStr(url))
    assert isinstance(error, Misuse)
    assert f"{brokered.prefix}-weak" in str(error)
    assert await brokered.broker.names(brokered.prefix) == set()  # nothing was made


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


async def test_a_wrong_password_is_not_shown(brokered: World) -> None:
    error = await refused(brokered, url=SecretStr(brokered.broker.url(password="hush-hush")))
    assert isinstance(error, Misuse)
    assert "hush" not in str(error)


async def test_an_unknown_virtual_host(brokered: World) -> None:
    error = await refused(brokered, url=SecretStr(brokered.broker.url() + "nowhere"))
    assert isinstance(error, Misuse)
    assert "nowhere" in str(error)


@pytest.mark.parametrize(("setting", "value"), [("journal_max", 7), ("dead_max", 8)])
async def test_queues_with_other_arguments(either: World, setting: str, value: int) -> None:
    first = either.process("first")
    await first.bus.start()
    await first.end()
    before = await either.broker.names(either.prefix)
    error = await refused(either, **{setting: value})
    assert isinstance(error, Misuse)
    assert "x-max-length" in str(error)
    assert await either.broker.names(either.prefix) == before


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
