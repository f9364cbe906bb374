"""The link over a server that misbehaves: each reproduced fault of panoramisk 1.4, and every way we could think of to break a link."""

import asyncio
import logging
from unittest.mock import patch

import pytest
import structlog
from fake_ami import NODE, QUICK, SECRET, FakeAmi, hangup, lines, linked, success, take, until

from hotline.errors import Misuse, OutcomeUnknown, Rejected, Unavailable
from hotline.ids import NodeId
from hotline.runtime.clock import SteadyClock, stopwatch
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Ami
from hotline.tally import Tally
from telephony.ami import guard
from telephony.ami import link as link_module
from telephony.ami.link import AmiLink, retry_delay_s
from telephony.ami.messages import AgiCommandEnded, ChannelHungUp, LinkDown, LinkUp, Resync, UserEventSeen


def poisons(tally: Tally) -> float:
    return tally.counts["ami_poison", ()]


# --- panoramisk's faults -------------------------------------------------------------------------------------------------


async def test_an_action_without_an_answer_is_not_sent_again_after_a_reconnect(server: FakeAmi) -> None:
    server.answers["Originate"] = lambda _: None
    async with linked(server.port) as link:
        await take(link, LinkUp)
        answer = link.send_nowait("Originate", Channel="Local/1")
        await until(lambda: bool(server.actions("Originate")))
        server.drop()
        with pytest.raises(OutcomeUnknown):
            await answer
        assert await take(link, LinkDown) == LinkDown(node=NODE, reason="closed_by_peer")
        await take(link, LinkUp)
        await link.action("Ping")
        server.say(lines("Event: FullyBooted", "Status: Fully Booted"))  # panoramisk replays at this event
        await link.action("Ping")
    assert len(server.actions("Originate")) == 1


async def test_an_agi_command_completes_at_its_queueing_and_its_result_comes_as_a_message(server: FakeAmi) -> None:
    server.answers["AGI"] = lambda a: success(a, "Message: Added AGI command to queue")
    async with linked(server.port) as link:
        await take(link, LinkUp)
        await link.agi("PJSIP/1", "NOOP", "c1")
        server.say(
            lines(
                "Event: AsyncAGIExec", "Channel: PJSIP/1", "Uniqueid: 1", "Result: 200%20result%3D0%0A", "CommandId: c1"
            )
        )
        ended = await take(link, AgiCommandEnded)
    assert isinstance(ended, AgiCommandEnded)
    assert (ended.command_id, ended.result) == ("c1", 0)
    assert server.actions("AGI")[0]["CommandID"] == "c1"


async def test_an_answer_is_complete_whatever_its_english_text_says(server: FakeAmi) -> None:
    server.answers["QueueAdd"] = lambda a: success(a, "Message: Added interface to queue")
    server.answers["Odd"] = lambda a: success(a, "Message: something will follow")
    server.answers["No"] = lambda a: lines("Response: Error", f"ActionID: {a['ActionID']}", "Message: 成功 Success")
    async with linked(server.port) as link:
        await take(link, LinkUp)
        assert (await link.action("QueueAdd", Queue="q")).name == "Success"
        assert (await link.action("Odd")).name == "Success"
        with pytest.raises(Rejected) as refused:
            await link.action("No")
    assert refused.value.reason == "refused"


async def test_messages_come_out_in_the_order_they_came_in(server: FakeAmi) -> None:
    async with linked(server.port) as link:
        await take(link, LinkUp)
        server.say(b"".join(hangup(i) for i in range(150)))
        got = [await link.next_message() for _ in range(150)]
    assert [m.channel for m in got if isinstance(m, ChannelHungUp)] == [f"PJSIP/{i}" for i in range(150)]


async def test_an_error_of_ours_in_one_message_costs_that_message_only(server: FakeAmi) -> None:
    tally = Tally()
    true_parse = link_module.parse

    def broken(message):  # type: ignore[no-untyped-def]
        if message.get("Channel") == "PJSIP/1":
            raise ZeroDivisionError
        return true_parse(message)

    with patch.object(link_module, "parse", broken):
        async with linked(server.port, tally=tally) as link:
            await take(link, LinkUp)
            server.say(hangup(0) + hangup(1) + hangup(2))
            got = [await take(link, ChannelHungUp) for _ in range(2)]
            assert link.up
    assert [m.channel for m in got if isinstance(m, ChannelHungUp)] == ["PJSIP/0", "PJSIP/2"]
    assert poisons(tally) == 1
    assert server.connections == 1


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_chinese_text_survives_reads_cut_anywhere(server: FakeAmi, size: int) -> None:
    async with linked(server.port) as link:
        await take(link, LinkUp)
        event = lines("Event: UserEvent", "UserEvent: 事件", "Name: 王小明欧阳").encode()
        await server.say_in_pieces(event, size)
        seen = await take(link, UserEventSeen)
    assert seen == UserEventSeen(name="事件", fields={"Name": "王小明欧阳"})


async def test_a_line_end_in_a_value_is_refused_and_nothing_is_sent(server: FakeAmi) -> None:
    async with linked(server.port) as link:
        await take(link, LinkUp)
        for bad in ("x\r\n\r\nAction: Originate", "x\ny", "x\0y"):
            with pytest.raises(Misuse):
                link.send_nowait("Setvar", Variable="A", Value=bad)
            with pytest.raises(Misuse):
                await link.agi("PJSIP/1", bad, "c1")
        with pytest.raises(Misuse):
            await link.action("Setvar", headers={"Bad\r\nName": "x"})
        await link.action("Ping")
    assert {a["Action"] for a in server.received} == {"Login", "Ping"}


async def test_an_action_without_an_answer_ends_at_its_deadline_and_is_forgotten(server: FakeAmi) -> None:
    server.answers["Setvar"] = lambda _: None
    async with linked(server.port) as link:
        await take(link, LinkUp)
        with pytest.raises(OutcomeUnknown):
            await link.action("Setvar", deadline_s=0.05, Variable="A", Value="1")
        assert link.up
        late = server.actions("Setvar")[0]
        server.say(success(late))
        await link.action("Ping")
        assert link._manager is not None
        assert not link._manager.protocol.responses


async def test_a_half_open_link_is_noticed_within_five_seconds(server: FakeAmi) -> None:
    defaults = Ami()
    assert defaults.ping_interval_s + defaults.pong_timeout_s < 5
    async with linked(server.port) as link:
        await take(link, LinkUp)
        server.frozen = True
        assert await take(link, LinkDown, 20) == LinkDown(node=NODE, reason="pong_timeout")
        server.frozen = False
        await take(link, LinkUp)


async def test_a_missing_header_is_poison_and_asks_for_a_snapshot(server: FakeAmi) -> None:
    tally = Tally()
    async with linked(server.port, tally=tally) as link:
        await take(link, LinkUp)
        server.say(lines("Event: Hangup", "Channel: PJSIP/1", "Uniqueid: 1"))
        assert await link.next_message() == Resync(node=NODE, reason="poison")
    assert poisons(tally) == 1
    assert tally.counts["ami_resyncs", (("reason", "poison"),)] == 1


async def test_a_duplicate_header_is_poison_not_a_list(server: FakeAmi) -> None:
    tally = Tally()
    async with linked(server.port, tally=tally) as link:
        await take(link, LinkUp)
        server.say(
            lines("Event: Hangup", "Channel: PJSIP/1", "Uniqueid: 1", "Channel: PJSIP/2", "Cause: 16")
            + hangup(3).decode()
        )
        assert isinstance(await link.next_message(), Resync)
        assert await link.next_message() == ChannelHungUp(channel="PJSIP/3", uniqueid="3", cause=16)
    assert poisons(tally) == 1


async def test_closing_while_reconnecting_stops_for_good(server: FakeAmi) -> None:
    async with linked(server.port) as link:
        await take(link, LinkUp)
        port = server.port
        await server.stop()
        await take(link, LinkDown)
        await until(lambda: link.down_reason == "connect_failed")
        await link.close()
        server.port = port
        await server.start()
        before = server.connections
        await asyncio.sleep(4 * QUICK.reconnect_cap_s)
        assert server.connections == before
        assert not link.up


async def test_closing_while_the_login_is_unanswered_leaves_nothing(server: FakeAmi) -> None:
    server.answers["Login"] = lambda _: None
    async with linked(server.port, QUICK.model_copy(update={"login_timeout_s": 60.0})):
        await until(lambda: bool(server.actions("Login")))
    await until(lambda: server.open_connections == 0)


async def test_a_login_without_an_answer_ends_at_its_deadline_and_is_tried_again(server: FakeAmi) -> None:
    server.answers["Login"] = lambda _: None
    async with linked(server.port) as link:
        await until(lambda: len(server.actions("Login")) == 2)
        assert link.down_reason == "login_timeout"
        assert server.open_connections == 1
        assert not link.up
        server.answers.pop("Login")
        assert await link.next_message() == LinkUp(node=NODE)


# --- logging in ----------------------------------------------------------------------------------------------------------


async def test_a_refused_login_is_tried_again_and_never_told_as_up(server: FakeAmi) -> None:
    server.answers["Login"] = lambda a: lines(
        "Response: Error", f"ActionID: {a['ActionID']}", "Message: Authentication failed"
    )
    async with linked(server.port) as link:
        await until(lambda: len(server.actions("Login")) >= 3)
        assert link.down_reason == "login_refused"
        with pytest.raises(Unavailable):
            await link.action("Ping")
        await link.close()
        with pytest.raises(Unavailable):
            await link.next_message()


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH\r\n", b"\x00\xff\x00\xff" * 20, b"", b"Asterisk Call"])
async def test_no_secret_goes_to_what_is_not_asterisk(server: FakeAmi, banner: bytes) -> None:
    server.banner = banner
    async with linked(server.port):
        await until(lambda: server.connections >= 2)
    assert server.raw == b""


async def test_events_before_the_login_are_not_believed(server: FakeAmi) -> None:
    tally = Tally()
    server.after_banner = hangup(1) + lines("Response: Success", "ActionID: guess").encode()
    async with linked(server.port, tally=tally) as link:
        assert await link.next_message() == LinkUp(node=NODE)
        server.say(hangup(2))
        assert await link.next_message() == ChannelHungUp(channel="PJSIP/2", uniqueid="2", cause=16)
    assert poisons(tally) == 1


async def test_link_up_stands_before_an_event_of_the_same_read(server: FakeAmi) -> None:
    server.answers["Login"] = lambda a: success(a) + hangup(1).decode()
    async with linked(server.port) as link:
        assert isinstance(await link.next_message(), LinkUp)
        assert isinstance(await link.next_message(), ChannelHungUp)


async def test_a_secret_that_cannot_be_sent_is_a_misuse_at_once() -> None:
    with pytest.raises(Misuse):
        AmiLink(NodeId("n"), "127.0.0.1", 1, "u", "a\r\nb", QUICK, SteadyClock(), Tally(), TaskGroup("t"))


async def test_the_secret_stands_in_no_log(server: FakeAmi, caplog: pytest.LogCaptureFixture) -> None:
    server.answers["Login"] = lambda a: lines(
        "Response: Error", f"ActionID: {a['ActionID']}", f"Message: not {a['Username']}"
    )
    asyncio.get_running_loop().set_debug(True)
    with structlog.testing.capture_logs() as logs, caplog.at_level(logging.DEBUG):
        async with linked(server.port) as link:
            await until(lambda: link.down_reason == "login_refused")
            server.answers.clear()
            await take(link, LinkUp)
            server.frozen = True
            await take(link, LinkDown)
    assert logs
    assert SECRET not in repr(logs) + caplog.text
    assert SECRET not in repr(guard.PendingAction("Login", {"Secret": SECRET}))


# --- garbage -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "garbage",
    [b"\x00\xff\xfe garbage\r\n\r\n", b"Response: Success\r\nnonsense\r\n\r\n", b"Channel: x\r\nEvent: Hangup\r\n\r\n"],
)
async def test_garbage_between_messages_is_counted_and_survived(server: FakeAmi, garbage: bytes) -> None:
    tally = Tally()
    async with linked(server.port, tally=tally) as link:
        await take(link, LinkUp)
        server.say(garbage + hangup(1))
        assert isinstance(await link.next_message(), Resync)
        assert isinstance(await link.next_message(), ChannelHungUp)
    assert poisons(tally) == 1
    assert server.connections == 1


async def test_ten_megabytes_without_an_end_cut_the_link_in_bounded_memory(server: FakeAmi) -> None:
    tally = Tally()
    async with linked(server.port, tally=tally) as link:
        await take(link, LinkUp)
        server.say(b"Event: X\r\nData: " + b"x" * 10_000_000)
        assert await take(link, LinkDown) == LinkDown(node=NODE, reason="poison")
        await take(link, LinkUp)
        await link.action("Ping")
    assert poisons(tally) == 1


async def test_a_flood_of_poison_asks_for_a_snapshot_once_now_and_once_later(
    server: FakeAmi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "RESYNC_PAUSE_S", 0.2)
    tally = Tally()
    async with linked(server.port, tally=tally) as link:
        await take(link, LinkUp)
        elapsed = stopwatch()
        server.say(b"Event: X\r\nA: 1\r\nA: 2\r\n\r\n" * 500)
        await take(link, Resync)
        await take(link, Resync)
        assert elapsed() >= 0.15
        assert poisons(tally) == 500
        server.say(hangup(1))
        assert isinstance(await link.next_message(), ChannelHungUp)
    assert tally.counts["ami_resyncs", (("reason", "poison"),)] == 2


async def test_a_look_does_not_wait_for_the_pause_between_snapshots_and_keeps_its_turn(server: FakeAmi) -> None:
    async with linked(server.port) as link:
        link.look("survey")  # there is nothing to see yet
        await take(link, LinkUp)
        link.ask_resync("first")
        server.say(hangup(1))
        await link.action("Ping")  # the hang-up has arrived
        link.look("survey")
        link.look("survey")
        told = [await link.next_message() for _ in range(4)]
    assert [type(m) for m in told] == [Resync, ChannelHungUp, Resync, Resync]
    assert [m.reason for m in told if isinstance(m, Resync)] == ["first", "survey", "survey"]


async def test_an_unreadable_answer_is_an_unknown_outcome_at_once(server: FakeAmi) -> None:
    server.answers["Getvar"] = lambda a: success(a, "Value: 1", "Value: 2")
    async with linked(server.port) as link:
        await take(link, LinkUp)
        with pytest.raises(OutcomeUnknown, match="could not be read"):
            await link.action("Getvar", deadline_s=30, Variable="X")


async def test_answers_to_unknown_actions_and_without_an_id_are_ignored(server: FakeAmi) -> None:
    tally = Tally()
    async with linked(server.port, tally=tally) as link:
        await take(link, LinkUp)
        server.say(
            lines("Response: Success", "ActionID: never-ours") + lines("Response: Error", "Message: Missing action")
        )
        server.say(lines("Event: Status", "ActionID: never-ours", "Channel: x"))
        server.say(hangup(1))
        assert isinstance(await take(link, ChannelHungUp), ChannelHungUp)


async def test_a_strange_response_word_is_an_unknown_outcome(server: FakeAmi) -> None:
    server.answers["Setvar"] = lambda a: lines("Response: Perhaps", f"ActionID: {a['ActionID']}")
    async with linked(server.port) as link:
        await take(link, LinkUp)
        with pytest.raises(OutcomeUnknown):
            await link.action("Setvar", Variable="A", Value="1")


# --- losing the link -------------------------------------------------------------------------------------------------------


async def test_a_link_that_ends_in_the_middle_of_a_message_forgets_the_half(server: FakeAmi) -> None:
    async with linked(server.port) as link:
        await take(link, LinkUp)
        server.say(b"Event: Hangup\r\nChannel: PJSIP/1\r\nUni")
        await until(lambda: link._manager is not None and link._manager.protocol._decoder.buffered_bytes > 0)
        server.drop()
        assert isinstance(await link.next_message(), LinkDown)
        assert isinstance(await link.next_message(), LinkUp)
        server.say(hangup(2))
        assert await link.next_message() == ChannelHungUp(channel="PJSIP/2", uniqueid="2", cause=16)


async def test_every_unanswered_action_is_unknown_at_once_when_the_link_is_lost(server: FakeAmi) -> None:
    server.answers["Setvar"] = lambda _: None
    async with linked(server.port) as link:
        await take(link, LinkUp)
        answers = [link.send_nowait("Setvar", deadline_s=60, Variable="A", Value=str(i)) for i in range(5)]
        await until(lambda: len(server.actions("Setvar")) == 5)
        server.drop()
        results = await asyncio.gather(*answers, return_exceptions=True)
    assert [type(r) for r in results] == [OutcomeUnknown] * 5


async def test_an_action_while_the_link_is_down_is_unavailable_at_once(server: FakeAmi) -> None:
    await server.stop()
    async with linked(server.port) as link:
        await until(lambda: link.down_reason == "connect_failed")
        with pytest.raises(Unavailable):
            await link.action("Ping")
        with pytest.raises(Unavailable):
            await link.send_nowait("Ping")


async def test_a_server_that_hangs_up_at_once_is_tried_ever_more_slowly(server: FakeAmi) -> None:
    server.hang_up_at_once = True
    async with linked(server.port, QUICK.model_copy(update={"reconnect_cap_s": 2.0})):
        await until(lambda: server.connections >= 3)
        await asyncio.sleep(1.0)
    assert server.connections <= 6


def test_pauses_double_to_a_cap_and_are_shortened_by_at_most_half() -> None:
    assert [retry_delay_s(n, 0.0, 2.0) for n in range(7)] == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert retry_delay_s(3, 1.0, 2.0) == 0.4
    assert retry_delay_s(10_000, 0.0, 2.0) == 2.0


async def test_a_storm_of_short_connections_tells_up_and_down_in_turn(server: FakeAmi) -> None:
    async with linked(server.port) as link:
        told = []
        for _ in range(5):
            told.append(await link.next_message())
            server.drop()
            told.append(await link.next_message())
    assert [type(m) for m in told] == [LinkUp, LinkDown] * 5


# --- limits --------------------------------------------------------------------------------------------------------------


async def test_a_reader_too_slow_gets_the_link_cut_and_told_so_instead_of_a_silent_loss(server: FakeAmi) -> None:
    tally = Tally()
    async with linked(server.port, tally=tally) as link:
        await take(link, LinkUp)
        server.say(b"".join(hangup(i) for i in range(QUICK.queue_limit + 50)))
        await until(lambda: not link.up)
        assert await link.next_message() == LinkDown(node=NODE, reason="overflow")
        assert await link.next_message() == LinkUp(node=NODE)
    assert tally.counts["limits_reached", (("limit", "ami_queue"),)] == 1
    assert poisons(tally) == 0  # what stood behind in the same read is not even looked at


async def test_after_an_overflow_the_link_waits_for_its_reader(server: FakeAmi) -> None:
    async with linked(server.port) as link:
        await until(lambda: link.up)
        server.say(b"".join(hangup(i) for i in range(QUICK.queue_limit + 50)))
        await until(lambda: link.down_reason == "overflow")
        await asyncio.sleep(4 * QUICK.reconnect_cap_s)
        assert server.connections == 1
        assert await link.next_message() == LinkDown(node=NODE, reason="overflow")
        await until(lambda: link.up)


async def test_a_server_that_stops_reading_fills_no_memory_and_is_cut(
    server: FakeAmi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "WRITE_LIMIT_BYTES", 50_000)
    async with linked(server.port, QUICK.model_copy(update={"pong_timeout_s": 2.0})) as link:
        await take(link, LinkUp)
        server.pause_reading()
        answers = [link.send_nowait("Setvar", deadline_s=60, Variable="A", Value="x" * 900)]
        while not answers[-1].done():
            answers.append(link.send_nowait("Setvar", deadline_s=60, Variable="A", Value="x" * 900))
            await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await answers.pop()
        assert link._manager is not None
        assert link._manager.protocol.transport.get_write_buffer_size() <= 50_000
        down = await take(link, LinkDown)
        assert isinstance(down, LinkDown)
        assert down.reason in ("write_stalled", "pong_timeout")  # whether the ping before the stall was answered
        results = await asyncio.gather(*answers, return_exceptions=True)
    assert {type(r) for r in results} == {OutcomeUnknown}


async def test_too_many_unanswered_actions_refuse_the_next(server: FakeAmi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "PENDING_LIMIT", 3)
    server.answers["Setvar"] = lambda _: None
    tally = Tally()
    async with linked(server.port, QUICK.model_copy(update={"ping_interval_s": 60.0}), tally=tally) as link:
        await take(link, LinkUp)
        answers = [link.send_nowait("Setvar", Variable="A", Value=str(i)) for i in range(4)]
        results = await asyncio.gather(*answers, return_exceptions=True)
    assert [type(r) for r in results] == [OutcomeUnknown] * 3 + [Unavailable]
    assert tally.counts["limits_reached", (("limit", "ami_pending"),)] == 1
    assert len(server.actions("Setvar")) == 3


# --- lists ---------------------------------------------------------------------------------------------------------------


def listing(action: dict[str, str], *events: str, end: str = "EventList: Complete", count: int | None = None) -> str:
    each = [lines(f"Event: {e}", "Channel: x", f"ActionID: {action['ActionID']}") for e in events]
    told = len(events) if count is None else count
    return "".join(
        [
            success(action, "EventList: start"),
            *each,
            lines("Event: TheEnd", f"ActionID: {action['ActionID']}", end, f"ListItems: {told}"),
        ]
    )


async def test_a_list_is_collected_and_events_between_its_items_are_not_lost(server: FakeAmi) -> None:
    server.answers["Status"] = lambda a: listing(a, "One", "Two").replace(
        "Event: Two", hangup(7).decode() + "Event: Two"
    )
    async with linked(server.port) as link:
        await take(link, LinkUp)
        assert [m.name for m in await link.list_action("Status")] == ["One", "Two"]
        assert await link.next_message() == ChannelHungUp(channel="PJSIP/7", uniqueid="7", cause=16)


async def test_an_empty_list_is_a_list_and_a_refused_one_is_refused(server: FakeAmi) -> None:
    server.answers["Status"] = listing
    server.answers["Other"] = lambda a: lines("Response: Error", f"ActionID: {a['ActionID']}")
    async with linked(server.port) as link:
        await take(link, LinkUp)
        assert await link.list_action("Status") == []
        with pytest.raises(Rejected):
            await link.list_action("Other")


async def test_a_list_may_end_with_a_named_event(server: FakeAmi) -> None:
    server.answers["Status"] = lambda a: listing(a, "One", end="Items: 1")
    async with linked(server.port) as link:
        await take(link, LinkUp)
        assert len(await link.list_action("Status", complete="TheEnd")) == 1


@pytest.mark.parametrize(
    "broken",
    [
        lambda a: listing(a, "One", count=2),
        lambda a: listing(a, "One", "Two").replace(
            "Event: Two\r\nChannel: x", "Event: Two\r\nChannel: x\r\nChannel: y"
        ),
        lambda a: listing(a, "One", end="EventList: cancelled"),
        lambda a: listing(a, *["One"] * 11),
        lambda a: success(a, "EventList: start"),
        lambda a: None,
    ],
)
async def test_a_list_that_is_not_whole_is_an_unknown_outcome(server: FakeAmi, broken) -> None:  # type: ignore[no-untyped-def]
    server.answers["Status"] = broken
    async with linked(server.port) as link:
        await take(link, LinkUp)
        with pytest.raises(OutcomeUnknown):
            await link.list_action("Status", limit=10)
        await link.action("Ping")


# --- use -------------------------------------------------------------------------------------------------------------------


async def test_pipelined_actions_are_written_in_the_order_of_the_calls(server: FakeAmi) -> None:
    async with linked(server.port) as link:
        await take(link, LinkUp)
        answers = [link.send_nowait("Setvar", Variable="A", Value=str(i)) for i in range(50)]
        answers.append(link.agi("PJSIP/1", "NOOP", "c1"))
        await asyncio.gather(*answers)
    sent = [a.get("Value", "agi") for a in server.received if a["Action"] in ("Setvar", "AGI")]
    assert sent == [str(i) for i in range(50)] + ["agi"]


async def test_headers_may_repeat_by_a_sequence_and_by_nothing_else(server: FakeAmi) -> None:
    async with linked(server.port) as link:
        await take(link, LinkUp)
        await link.action("Originate", headers={"Other-Name": "x"}, Channel="c", Variable=["A=1", "B=2"])
        for twice in ({"channel": "d"}, {"ActionID": "mine"}, {"Action": "Hangup"}):
            with pytest.raises(Misuse):
                await link.action("Originate", headers=twice, Channel="c")
    assert b"Other-Name: x\r\nChannel: c\r\nVariable: A=1\r\nVariable: B=2\r\nActionID: " in server.raw


async def test_an_action_given_up_by_its_caller_is_forgotten(server: FakeAmi) -> None:
    server.answers["Setvar"] = lambda _: None
    async with linked(server.port) as link:
        await take(link, LinkUp)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await link.action("Setvar", deadline_s=60, Variable="A", Value="1")
        server.say(success(server.actions("Setvar")[0]))
        await link.action("Ping")
        assert link.up


async def test_after_close_what_was_told_can_be_read_and_then_the_messages_end(server: FakeAmi) -> None:
    async with linked(server.port) as link:
        await until(lambda: link.up)
        await link.close()
        await link.close()
        assert [m async for m in link.messages()] == [LinkUp(node=NODE), LinkDown(node=NODE, reason="closed")]
        await until(lambda: server.open_connections == 0)


async def test_close_takes_a_waiting_reader_out_of_its_wait(server: FakeAmi) -> None:
    tasks = TaskGroup("reader")
    async with linked(server.port) as link:
        await take(link, LinkUp)

        async def read_all() -> list[type]:
            return [type(m) async for m in link.messages()]

        reader = tasks.spawn(read_all(), name="all")
        await asyncio.sleep(0)
        await link.close()
        assert await reader == [LinkDown]


async def test_a_link_starts_once(server: FakeAmi) -> None:
    async with linked(server.port) as link:
        with pytest.raises(Misuse):
            await link.start()


async def test_gauges_and_counters_tell_the_state_of_the_link(server: FakeAmi) -> None:
    tally = Tally()
    up = ("ami_up", (("node", NODE),))
    async with linked(server.port, tally=tally) as link:
        await take(link, LinkUp)
        assert tally.levels[up] == 1
        server.say(hangup(1) + lines("Event: Newexten", "Channel: x").encode())
        await take(link, ChannelHungUp)
        await link.action("Ping")
        assert 0 <= tally.levels["ami_event_lag_seconds", (("node", NODE),)] < 60
        server.drop()
        await take(link, LinkDown)
        assert tally.levels[up] == 0
    assert tally.counts["ami_events", (("event", "ChannelHungUp"),)] == 1
    assert tally.counts["ami_events", (("event", "other"),)] == 1
    assert tally.counts["ami_resyncs", (("reason", "closed_by_peer"),)] == 1
