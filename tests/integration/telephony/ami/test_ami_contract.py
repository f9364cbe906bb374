"""One contract for the link, over our fake server and over a real Asterisk: so the fake may stand for the real one elsewhere."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from fake_ami import NODE, SECRET, FakeAmi, like_asterisk, linked, take, until

from hotline.errors import Rejected
from hotline.secrets import load_or_create
from hotline.settings import Ami, Settings, Sip
from hotline.tally import Tally
from telephony.ami.codec import SENT_LINE_LIMIT
from telephony.ami.messages import AgiCommandEnded, AgiStarted, ChannelHungUp, ChannelStatus, LinkDown, LinkUp, parse
from telephony.asterisk.supervise import PrivateAsterisk

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class Node:
    port: int
    secret: str
    freeze: Callable[[], None]
    thaw: Callable[[], None]


@pytest_asyncio.fixture(
    loop_scope="module", scope="module", params=["fake", pytest.param("real", marks=pytest.mark.real)]
)
async def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Node]:
    if request.param == "fake":
        server = FakeAmi()
        like_asterisk(server)
        await server.start()
        yield Node(
            server.port, SECRET, lambda: setattr(server, "frozen", True), lambda: setattr(server, "frozen", False)
        )
        await server.stop()
        return
    directory: Path = tmp_path_factory.mktemp("ami")
    settings = Settings(data_dir=directory, ami=Ami(port=0), sip=Sip(port=0, rtp_start=0, rtp_end=100))
    secrets = load_or_create(directory, settings.seats.extensions())
    asterisk = await PrivateAsterisk.start(settings, directory, secrets, lambda _: None)
    try:
        yield Node(
            asterisk.ami_port,
            asterisk.ami_secret,
            lambda: os.kill(asterisk.pid, signal.SIGSTOP),
            lambda: os.kill(asterisk.pid, signal.SIGCONT),
        )
    finally:
        await asterisk.stop()


async def test_a_login_leads_to_link_up_and_pings_keep_it_up(node: Node) -> None:
    async with linked(node.port, Ami(ping_interval_s=0.05), secret=node.secret) as link:
        assert await link.next_message() == LinkUp(node=NODE)
        assert (await link.action("Ping")).name == "Success"
        await asyncio.sleep(0.5)
        assert link.up


async def test_with_the_default_settings_a_frozen_node_is_noticed(node: Node) -> None:
    async with linked(node.port, Ami(), secret=node.secret) as link:
        await take(link, LinkUp)
        node.freeze()
        try:
            assert await take(link, LinkDown, 20) == LinkDown(node=NODE, reason="pong_timeout")
        finally:
            node.thaw()
        await take(link, LinkUp, 15)
        await link.action("Ping")


async def test_a_wrong_secret_is_refused(node: Node) -> None:
    async with linked(node.port, Ami(), secret="wrong-secret") as link:
        await until(lambda: link.down_reason == "login_refused", 10)
        assert not link.up


async def test_pipelined_variables_are_set_in_order_and_read_back_in_chinese(node: Node) -> None:
    async with linked(node.port, Ami(), secret=node.secret) as link:
        await take(link, LinkUp)
        values = [f"客户 {i}" for i in range(20)]
        answers = [link.send_nowait("Setvar", Variable="TEST_A", Value=v) for v in values]
        answers.append(link.send_nowait("Getvar", Variable="TEST_A"))
        assert (await asyncio.gather(*answers))[-1].get("Value") == values[-1]


async def test_the_longest_line_we_send_arrives_whole(node: Node) -> None:
    async with linked(node.port, Ami(), secret=node.secret) as link:
        await take(link, LinkUp)
        longest = "x" * (SENT_LINE_LIMIT - len("Value: "))
        await link.action("Setvar", Variable="TEST_LONG", Value=longest)
        assert (await link.action("Getvar", Variable="TEST_LONG")).get("Value") == longest


async def test_what_asterisk_cannot_do_is_refused(node: Node) -> None:
    async with linked(node.port, Ami(), secret=node.secret) as link:
        await take(link, LinkUp)
        for attempt in (link.action("Nonsense"), link.action("Hangup", Channel="PJSIP/nobody-1")):
            with pytest.raises(Rejected) as refused:
                await attempt
            assert refused.value.reason == "refused"


async def test_a_call_in_async_agi_is_seen_commanded_listed_and_hung_up(node: Node) -> None:
    tally = Tally()
    async with linked(node.port, Ami(), secret=node.secret, tally=tally) as link:
        await take(link, LinkUp)
        beat = str(int(link._clock.now()))
        await link.action("Setvar", Variable="HOTLINE_BEAT", Value=beat)
        await link.action("Originate", Channel="Local/4000@hotline-test/n", Application="Wait", Data="20", Async="true")
        started = await take(link, AgiStarted, 10)
        assert isinstance(started, AgiStarted)
        assert started.args[0] == "arrive"
        await link.agi(started.channel, "NOOP", "contract-1")
        ended = await take(link, AgiCommandEnded)
        assert isinstance(ended, AgiCommandEnded)
        assert (ended.channel, ended.command_id, ended.code, ended.result) == (started.channel, "contract-1", 200, 0)
        listed = [parse(m) for m in await link.list_action("Status", Variables="HOTLINE_CALL,HOTLINE_OFFER")]
        (status,) = [s for s in listed if isinstance(s, ChannelStatus) and s.channel == started.channel]
        assert status.application == "AGI"
        assert status.variables.keys() == {"HOTLINE_CALL"}
        await link.action("Hangup", Channel=started.channel)
        hung_up = await take(link, ChannelHungUp)
        assert isinstance(hung_up, ChannelHungUp)
        assert hung_up.uniqueid in (started.uniqueid, started.linkedid)
    assert tally.counts["ami_poison", ()] == 0
