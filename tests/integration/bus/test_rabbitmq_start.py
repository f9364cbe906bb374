"""A broker that refuses us, is not there, or has something else under our names: a clear error, and it stays as it was."""

import socket

import pytest
from pydantic import SecretStr

from hotline.errors import HotlineError, Misuse, Unavailable
from hotline.facts import Fact
from hotline.settings import Bus as BusSettings
from tests.integration.bus.conftest import World
from tests.integration.bus.test_bus_contract import ended
from tests.support.wait import eventually


async def inventory(world: World) -> str:
    """Return every durable queue, exchange and binding of the broker, with users and rights."""
    assert world.broker is not None
    return await world.broker.control("export_definitions", "-")


async def refused(world: World, **more: object) -> HotlineError:
    """Start a process that must not start, and return the error; the broker must be as before."""
    before = await inventory(world)
    process = world.process("refused", **more)
    process.bus.subscribe("all", Fact)
    with pytest.raises(HotlineError) as caught:
        await process.bus.start()
    await process.end()
    assert await inventory(world) == before
    return caught.value


@pytest.mark.parametrize(
    "rights",
    [(), ("^$", "^$", "^$"), (".*", "^$", ".*"), (".*", ".*", "^$"), ("^$", ".*", ".*")],
    ids=["vhost", "none", "no-write", "no-read", "no-configure"],
)
async def test_a_user_without_rights(brokered: World, rights: tuple[str, ...]) -> None:
    assert brokered.broker is not None
    url = await brokered.broker.add_user(f"{brokered.prefix}-weak", *rights)
    error = await refused(brokered, url=SecretStr(url))
    assert isinstance(error, Misuse)
    assert f"{brokered.prefix}-weak" in str(error)


async def test_rights_on_our_names_alone_are_enough(brokered: World) -> None:
    assert brokered.broker is not None
    own = f"^{brokered.prefix}\\."
    url = await brokered.broker.add_user(f"{brokered.prefix}-own", own, own, own)
    process = brokered.process("own", url=SecretStr(url))
    process.bus.subscribe("all", Fact)
    await process.bus.start()
    process.bus.publish(ended(1))
    await eventually(lambda: process.spool.count == 0, what="a confirmed fact")


async def test_a_wrong_password_is_not_shown(brokered: World) -> None:
    assert brokered.broker is not None
    error = await refused(brokered, url=SecretStr(brokered.broker.url(password="hush-hush")))
    assert isinstance(error, Misuse)
    assert "hush" not in str(error)


async def test_an_unknown_virtual_host(brokered: World) -> None:
    assert brokered.broker is not None
    error = await refused(brokered, url=SecretStr(brokered.broker.url() + "nowhere"))
    assert isinstance(error, Misuse)
    assert "nowhere" in str(error)


async def test_queues_with_other_arguments(brokered: World) -> None:
    first = brokered.process("first")
    await first.bus.start()
    await first.end()
    error = await refused(brokered, delivery_limit=7)
    assert isinstance(error, Misuse)
    assert "x-delivery-limit" in str(error)


async def test_a_process_of_this_name_is_running(brokered: World) -> None:
    await brokered.near.bus.start()
    before = await inventory(brokered)
    second = brokered.process("other", connect_timeout_s=2.0)
    assert second.rabbit is not None
    second.rabbit._process = "near"
    with pytest.raises(Misuse, match="another process"):
        await second.bus.start()
    assert await inventory(brokered) == before


@pytest.mark.parametrize("address", ["nobody", "mute"])
async def test_no_broker_at_the_address(address: str, brokered: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if address == "nobody":
            server.close()
        error = await refused(brokered, url=SecretStr(f"amqp://u:p@127.0.0.1:{port}/"), connect_timeout_s=1.0)
    assert isinstance(error, Unavailable)
    assert f"127.0.0.1:{port}" in str(error)


async def test_a_url_of_something_else(brokered: World) -> None:
    error = await refused(brokered, url=SecretStr("http://127.0.0.1/"))
    assert isinstance(error, Misuse)


async def test_without_must_connect_everything_works_as_soon_as_the_broker_is_there(brokered: World) -> None:
    broker = brokered.broker
    assert broker is not None
    await broker.stop()
    try:
        process = brokered.process("early", must_connect=False, connect_timeout_s=2.0)
        await process.bus.start()
        process.bus.publish(ended(1))
        assert process.spool.count == 1
    finally:
        await broker.start()
    await eventually(lambda: process.spool.count == 0, within_s=60, what="a confirmed fact")


def test_rabbitmq_needs_an_address() -> None:
    from hotline.settings import Settings

    with pytest.raises(ValueError, match=r"bus\.url"):
        Settings(bus=BusSettings(kind="rabbitmq"))
