import asyncio
from collections.abc import AsyncIterator

import pytest
from fake_ami import FakeAmi, until


@pytest.fixture
async def server() -> AsyncIterator[FakeAmi]:
    fake = FakeAmi()
    await fake.start()
    yield fake
    await fake.stop()
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
