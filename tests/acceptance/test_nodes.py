"""Two Asterisks, one line of callers and one pool of agents: callers of one are served at the other, first come first."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from telephony.phones.callers import Caller
from telephony.phones.plan import DemoPlan
from telephony.phones.seats import Answer, Seats
from tests.support.accounts import Accounts
from tests.support.layout import Layout
from tests.support.load import Load
from tests.support.rabbitmq import RabbitMQ
from tests.support.wait import eventually

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

Sipp = tuple[tuple[str, ...], dict[str, str]]


@pytest.fixture
async def layout(tmp_path: Path, broker: RabbitMQ) -> AsyncIterator[Layout]:
    made = Layout(tmp_path, broker, nodes=2)
    await made.start()
    yield made
    await made.stop()


async def test_callers_of_both_nodes_stand_in_one_line(layout: Layout, sipp: Sipp) -> None:
    """Six callers wait, in turns at both nodes; the only agent sits at the second one and serves them as they came."""
    numbers = [f"55500{n}" for n in range(6)]
    async with AsyncExitStack() as stack:
        seats = await stack.enter_async_context(
            Seats(layout.exchange(*sipp, node=2), [layout.account("1001", 2)], behaviour=Answer(talk_s=0.5))
        )
        for n, number in enumerate(numbers):
            exchange = layout.exchange(*sipp, node=1 + n % 2)
            caller = await stack.enter_async_context(Caller(exchange, number="4002", caller_number=number))
            await caller.wait_answered()
            await layout.wait_fact(number, "CallQueued")
        await layout.set_ready("1001")
        served = []
        for _ in numbers:
            call = await seats["1001"].next_call(30)
            await call.wait_answered()
            served.append(call.remote_number)
        assert served == numbers
        for number in numbers:
            row = await layout.ended(number)
            assert row["outcome"] == "answered", row
            assert row["node"] == f"node{1 + numbers.index(number) % 2}"
        seats["1001"].behaviour = Answer()
        await _a_supervisor_at_the_first_node_hears_a_call_at_the_second(layout, sipp, stack)
        await _agents_of_both_nodes_ask_each_other(layout, sipp, stack)


async def _agents_of_both_nodes_ask_each_other(layout: Layout, sipp: Sipp, stack: AsyncExitStack) -> None:
    """The caller and the second agent are at the first node, the first agent at the second one; then the other way round."""
    near = Seats(layout.exchange(*sipp, node=1), [layout.account("1002", 1)], behaviour=Answer())
    await stack.enter_async_context(near)
    caller = await stack.enter_async_context(
        Caller(layout.exchange(*sipp, node=1), number="4002", caller_number="555020")
    )
    await layout.set_ready("1001")
    await layout.wait_agent("1001", "talking")
    await layout.set_ready("1002")
    await layout.post("agents/1001/transfer", {"to": "agent:1002", "attended": True})
    await layout.wait_agent("1002", "talking")
    await layout.wait_agent("1001", "holding")
    await layout.post("agents/1001/call/conference", None)
    await layout.wait_fact("555020", "ConferenceBegan")
    await layout.post("agents/1001/call/complete", None)
    await layout.wait_fact("555020", "TransferCompleted")
    await layout.wait_agent("1001", "ready")
    await layout.post("agents/1002/transfer", {"to": "agent:1001", "attended": True})
    await layout.wait_agent("1001", "talking")
    await layout.wait_agent("1002", "holding")
    await layout.post("agents/1002/call/complete", None)
    await layout.wait_agent("1002", "ready")
    assert caller.state == "talking"
    caller.hang_up()
    await layout.wait_agent("1001", "ready")


async def _a_supervisor_at_the_first_node_hears_a_call_at_the_second(
    layout: Layout, sipp: Sipp, stack: AsyncExitStack
) -> None:
    supervisors = await stack.enter_async_context(
        Seats(layout.exchange(*sipp, node=1), [layout.account("1006", 1)], behaviour=Answer())
    )
    call = await stack.enter_async_context(
        Caller(layout.exchange(*sipp, node=2), number="4002", caller_number="555019")
    )
    await layout.set_ready("1001")
    await layout.wait_agent("1001", "talking")
    await layout.post("agents/1001/supervision", {"mode": "listen", "seat": "1006"})
    supervisor = await supervisors["1006"].next_call()
    began = await layout.wait_fact("555019", "SupervisionBegan", mode="listen")
    assert began["extension"] == "1006"
    call.hang_up()
    await supervisor.finished()
    await layout.wait_fact("555019", "SupervisionEnded", reason="call_over")


async def test_load_at_both_nodes_is_served_by_seats_of_both(layout: Layout, sipp: Sipp) -> None:
    at_first = [layout.account(e, 1) for e in ("1001", "1002", "1003")]
    at_second = [layout.account(e, 2) for e in ("1004", "1005", "1006")]
    exchanges = [layout.exchange(*sipp, node=n) for n in (1, 2)]
    plan = DemoPlan(calls=40, rate=2.0, agents=6, talk_s=1.0, patience_s=60, seed=5, number="4002")
    async with Load(layout, exchanges, [at_first, at_second], plan) as load:
        await load.over()
        failed = [str(s) for s in load.placed_stories() if s.failed]
        assert not failed, "\n".join(failed)
        nodes = {s.number: n % 2 for n, s in enumerate(load.stories.values())}
        crossed = [t for s in load.stories.values() for t in s.talks if (t.seat > "1003") != bool(nodes[s.number])]
        assert crossed, "nobody was served at the other node"
    problems = await Accounts(load, layout.nodes, layout.members, layout.office).check()
    assert not problems, "\n".join(problems[:20])
    await eventually(lambda: not load.talking(), what="the end of all conversations")
