"""Start, watch, take over and end: with real processes."""

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from hotline.errors import Misuse, Unavailable
from hotline.settings import Ami, Seats, Settings, Sip
from telephony.asterisk import layout, proc
from telephony.asterisk.logs import LogKeeper
from telephony.asterisk.supervise import find_running, stop_running
from tests.integration.telephony.asterisk.house import free_settings, is_gone, opened, start
from tests.integration.telephony.asterisk.manager import Manager
from tests.support.wait import eventually

pytestmark = [pytest.mark.real]


async def test_two_run_side_by_side_on_free_ports(tmp_path: Path) -> None:
    first, second = await asyncio.gather(start(tmp_path / "one"), start(tmp_path / "two"))
    try:
        assert first.pid != second.pid
        assert {first.sip_port, first.ami_port}.isdisjoint({second.sip_port, second.ami_port})
        for asterisk in (first, second):
            manager = await Manager.login(
                asterisk.ami_host, asterisk.ami_port, asterisk.ami_username, asterisk.ami_secret
            )
            assert (await manager.ask("CoreStatus"))["CoreCurrentCalls"] == "0"
            await manager.close()
    finally:
        await asyncio.gather(first.stop(), second.stop())
    assert is_gone(first.pid)
    assert is_gone(second.pid)


async def test_a_fresh_start_logs_no_error_and_no_warning(tmp_path: Path) -> None:
    async with opened(tmp_path / "data") as house:
        troubles = [line for line in house.log().splitlines() if "ERROR" in line or "WARNING" in line]
    assert troubles == []


async def test_every_listed_module_runs(tmp_path: Path) -> None:
    async with opened(tmp_path / "data") as house:
        shown = await house.asterisk.tell("module show")
    assert "Not Running" not in shown


async def test_kill_is_noticed_and_a_new_start_keeps_the_ports(tmp_path: Path) -> None:
    asterisk = await start(tmp_path)
    ports = (asterisk.sip_port, asterisk.ami_port)
    os.kill(asterisk.pid, signal.SIGKILL)
    await asyncio.wait_for(asterisk.wait_dead(), 5)
    assert not asterisk.running()
    assert asterisk.exit_code == -signal.SIGKILL
    await asterisk.stop()
    again = await start(tmp_path)
    try:
        assert (again.sip_port, again.ami_port) == ports
        assert not again.taken_over
    finally:
        await again.stop()


async def test_a_left_asterisk_is_taken_over_with_its_calls(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        caller = await house.phone()
        started = await house.arrive(caller)
        await house.manager.ask("AbsoluteTimeout", Channel=started["Channel"], Timeout="60")
        house.asterisk.let_go()
        successor = await start(tmp_path)
        assert successor.taken_over
        assert successor.pid == house.asterisk.pid
        assert "4000" in await successor.tell("core show channels concise")
        successor.let_go()
        assert await stop_running(tmp_path)
    assert is_gone(house.asterisk.pid)


async def test_taking_over_reloads_a_changed_configuration(tmp_path: Path) -> None:
    asterisk = await start(tmp_path)
    asterisk.let_go()
    more = free_settings().model_copy(update={"seats": Seats(count=5)})
    successor = await start(tmp_path, more)
    try:
        assert successor.taken_over
        async with asyncio.timeout(10):
            while "1005" not in await successor.tell("pjsip show endpoints"):
                await asyncio.sleep(0.1)
    finally:
        await successor.stop()


async def test_another_fixed_port_while_the_old_one_runs_is_refused(tmp_path: Path) -> None:
    asterisk = await start(tmp_path)
    asterisk.let_go()
    other = Settings(sip=Sip(port=asterisk.sip_port + 1, rtp_start=0), ami=Ami(port=0), seats=Seats(count=3))
    with pytest.raises(Misuse, match=r"sip.port is .* but the Asterisk that still runs uses"):
        await start(tmp_path, other)
    assert await stop_running(tmp_path)


async def test_down_ends_what_was_left_and_says_when_there_was_nothing(tmp_path: Path) -> None:
    assert not await stop_running(tmp_path)
    asterisk = await start(tmp_path)
    assert find_running(tmp_path) == asterisk.pid
    with pytest.raises(Misuse, match="in use by another hotline"):
        await stop_running(tmp_path)
    asterisk.let_go()
    assert await stop_running(tmp_path)
    assert find_running(tmp_path) is None


async def test_an_asterisk_that_hangs_is_ended_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.asterisk.process.STOP_S", 1.0)
    monkeypatch.setattr("telephony.asterisk.process.TERM_S", 1.0)
    asterisk = await start(tmp_path)
    os.kill(asterisk.pid, signal.SIGSTOP)
    await asterisk.stop()
    assert asterisk.exit_code == -signal.SIGKILL


@pytest.mark.parametrize(
    "name", ["deep/" + "d" * 120, "with blank, comma; semicolon #1", "数据 目录", "a'quote$(id)${EXTEN}[x]"]
)
async def test_a_data_directory_may_have_any_name(tmp_path: Path, name: str) -> None:
    data_dir = tmp_path / name
    async with opened(data_dir) as house:
        (house.asterisk.dirs.prompts / "zh").mkdir()
        caller = await house.phone()
        started = await house.arrive(caller)
        assert house.asterisk.cel_file.read_text().count("HOTLINE_ARRIVED")
        await house.end(started["Channel"])
    run = layout.plan_dirs(data_dir).run
    assert run.is_relative_to(data_dir) or not run.exists()


async def test_a_taken_fixed_port_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        settings = Settings(sip=Sip(port=port, rtp_start=0), ami=Ami(port=0), seats=Seats(count=3))
        with pytest.raises(Misuse, match=rf"port {port} on 127.0.0.1 is taken.*sip.port"):
            await start(tmp_path, settings)
    assert find_running(tmp_path) is None


async def test_a_port_lost_between_look_and_start_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asterisk itself goes on half deaf when it cannot bind; we must not."""
    monkeypatch.setattr("telephony.asterisk.ports._is_free", lambda _host, _port: True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        settings = Settings(sip=Sip(port=port, rtp_start=0), ami=Ami(port=0), seats=Seats(count=3))
        with pytest.raises(Unavailable, match=f"could not take sip.port {port}"):
            await start(tmp_path, settings)
    assert find_running(tmp_path) is None


async def test_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(Misuse, match="in use by another hotline"):
            await start(tmp_path)


async def test_tls_listens_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    settings = free_settings().model_copy(update={"sip": Sip(port=0, rtp_start=0, tls=True)})
    asterisk = await start(tmp_path, settings)
    try:
        assert proc.listens(asterisk.pid, "tcp", "127.0.0.1", asterisk.sip_port + 1)
    finally:
        await asterisk.stop()


async def test_after_its_files_were_put_aside_it_writes_new_ones(tmp_path: Path) -> None:
    async with opened(tmp_path / "data") as house:
        dirs = house.asterisk.dirs
        messages = dirs.log / "messages.log"
        keeper = LogKeeper(messages, [dirs.cel_file], house.asterisk.tell, max_bytes=0, keep=2)
        caller = await house.phone()
        await house.arrive(caller)
        await eventually(lambda: dirs.cel_file.exists() and dirs.cel_file.stat().st_size, what="channel events")
        await keeper.look()
        assert not dirs.cel_file.exists()
        await house.arrive(await house.phone("5551235"))
        await eventually(
            lambda: "5551235" in dirs.cel_file.read_text() if dirs.cel_file.exists() else False, what="new"
        )
        await eventually(messages.exists, what="a new log of messages")
