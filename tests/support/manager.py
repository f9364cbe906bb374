"""A second look into the Asterisk of a running hotline, over its manager port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hotline.ids import NodeId
from hotline.runtime.clock import SteadyClock
from hotline.runtime.tasks import TaskGroup
from hotline.secrets import load_or_create
from hotline.settings import Ami
from hotline.tally import Tally
from telephony.ami.link import AmiLink
from telephony.ami.messages import LinkUp
from tests.support.running import Running


@asynccontextmanager
async def manager(hotline: Running) -> AsyncIterator[AmiLink]:
    """Log in beside the hotline."""
    host, _, port = hotline.runtime["asterisk"]["ami"].rpartition(":")
    secret = load_or_create(hotline.data_dir, []).ami_secret
    tasks = TaskGroup("test")
    link = AmiLink(NodeId("test"), host, int(port), "hotline", secret, Ami(), SteadyClock(), Tally(), tasks)
    await link.start()
    try:
        while not isinstance(await link.next_message(), LinkUp):
            pass
        yield link
    finally:
        await link.close()
        await tasks.close()


async def channels(hotline: Running) -> list[str]:
    """Return the names of all living channels."""
    async with manager(hotline) as link:
        return [m.get("Channel") for m in await link.list_action("CoreShowChannels")]
