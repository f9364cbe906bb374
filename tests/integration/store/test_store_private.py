"""The private server: starts, stops, survives, and is found again."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from hotline.errors import Misuse, Unavailable
from hotline.store import cluster, leftover
from hotline.store.identity import candidates
from hotline.store.pool import Store
from hotline.store.private import SOCKET_DIR_LIMIT, PrivatePostgres, find_running, stop_leftover

PYTHONS = (sys.executable, "/usr/bin/python3")
IMPORTS = "import subprocess, sys, hotline.store.private; subprocess.run([sys.executable, '-c', ''], check=True)"
OWNER = """
    import asyncio, sys
    from pathlib import Path
    from hotline.store.private import PrivatePostgres

    async def main():
        server = await PrivatePostgres.start(Path(sys.argv[1]), fsync=False)
        print(server.pid, flush=True)
        await asyncio.sleep(600)

    asyncio.run(main())
"""


async def ask(server: PrivatePostgres, sql: str) -> object:
    store = await Store.open(server.dsn, size=1)
    try:
        return await store.fetchval(sql)
    finally:
        await store.close()


async def until(condition, timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def start_owner(data_dir: Path) -> tuple[subprocess.Popen[str], int]:
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OWNER), str(data_dir)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    owner.stdout.close()
    return owner, pid


async def test_data_are_there_after_a_restart_and_the_dsn_stays(tmp_path: Path) -> None:
    said: list[str] = []
    server = await PrivatePostgres.start(tmp_path, fsync=False, progress=said.append)
    dsn = server.dsn
    await ask(server, "CREATE TABLE t AS SELECT 42 AS answer")
    assert find_running(tmp_path) == server.pid
    await server.stop()
    await server.stop()
    assert find_running(tmp_path) is None
    server = await PrivatePostgres.start(tmp_path, fsync=False, progress=said.append)
    assert server.dsn == dsn
    assert await ask(server, "SELECT answer FROM t") == 42
    await server.stop()
    assert said == ["Making a private PostgreSQL database …"]


async def test_it_listens_on_no_port_and_wants_the_password(tmp_path: Path) -> None:
    server = await PrivatePostgres.start(tmp_path, fsync=False)
    try:
        assert await ask(server, "SELECT current_setting('listen_addresses')") == ""
        store = await Store.open(server.dsn.replace("hotline:", "hotline:x"))
        with pytest.raises(Misuse, match="password"):
            await store.fetchval("SELECT 1")
        await store.close()
        place = tmp_path / "postgres"
        assert place.stat().st_mode & 0o077 == 0
        assert (place / "server" / "password").stat().st_mode & 0o077 == 0
    finally:
        await server.stop()


async def test_a_directory_in_use_is_refused_with_the_owners_number(tmp_path: Path) -> None:
    server = await PrivatePostgres.start(tmp_path, fsync=False)
    try:
        with pytest.raises(Misuse, match=f"in use by process {os.getpid()}"):
            await PrivatePostgres.start(tmp_path)
        with pytest.raises(Misuse, match="in use"):
            await stop_leftover(tmp_path)
        assert await ask(server, "SELECT 1") == 1
    finally:
        await server.stop()


async def test_two_directories_run_side_by_side(tmp_path: Path) -> None:
    first = await PrivatePostgres.start(tmp_path / "a", fsync=False)
    second = await PrivatePostgres.start(tmp_path / "b", fsync=False)
    assert await ask(first, "SELECT 1") == await ask(second, "SELECT 1") == 1
    await first.stop()
    await second.stop()


async def test_the_server_ends_when_its_owner_is_killed_and_the_next_start_has_its_data(tmp_path: Path) -> None:
    owner, pid = start_owner(tmp_path)
    owner.kill()
    owner.wait()
    await until(lambda: not alive(pid))
    server = await PrivatePostgres.start(tmp_path, fsync=False)
    assert await ask(server, "SELECT 1") == 1
    await server.stop()


@pytest.mark.parametrize("by", ["start", "stop_leftover"])
async def test_a_leftover_is_found_and_ended(tmp_path: Path, by: str) -> None:
    owner, pid = start_owner(tmp_path)
    os.kill(pid, signal.SIGSTOP)  # so that it cannot follow its owner
    owner.kill()
    owner.wait()
    assert find_running(tmp_path) == pid
    os.kill(pid, signal.SIGCONT) if by == "start" else None
    if by == "start":
        server = await PrivatePostgres.start(tmp_path, fsync=False)
        assert server.pid != pid
        await server.stop()
    else:
        leftover_signals = leftover._SIGNALS
        leftover._SIGNALS = tuple((number, 0.2) for number, _ in leftover_signals[:-1]) + leftover_signals[-1:]
        try:
            assert await stop_leftover(tmp_path)
        finally:
            leftover._SIGNALS = leftover_signals
        assert not await stop_leftover(tmp_path)
    await until(lambda: not alive(pid))  # a killed process may still be on its way out


async def test_no_directory_means_no_leftover(tmp_path: Path) -> None:
    assert not await stop_leftover(tmp_path / "none")
    assert find_running(tmp_path / "none") is None
    assert not (tmp_path / "none").exists()


async def test_a_killed_server_is_noticed_and_starts_again(tmp_path: Path) -> None:
    server = await PrivatePostgres.start(tmp_path, fsync=False)
    await ask(server, "CREATE TABLE t AS SELECT 42 AS answer")
    os.kill(server.pid, signal.SIGKILL)
    assert "-9" in await asyncio.wait_for(server.wait_dead(), 5)
    await server.stop()
    server = await PrivatePostgres.start(tmp_path, fsync=False)
    assert await ask(server, "SELECT answer FROM t") == 42
    await server.stop()


async def test_a_pid_file_that_names_another_program_does_not_hinder(tmp_path: Path) -> None:
    server = await PrivatePostgres.start(tmp_path, fsync=False)
    await server.stop()
    pid_file = tmp_path / "postgres" / "server" / "data" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{pid_file.parent}\n")
    assert find_running(tmp_path) is None
    server = await PrivatePostgres.start(tmp_path, fsync=False)
    await server.stop()


async def test_a_deep_directory_gets_a_short_socket_that_is_removed(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-rather-long-name-of-a-directory"] * 4)
    server = await PrivatePostgres.start(deep, fsync=False)
    socket_dir = Path(str(await ask(server, "SELECT current_setting('unix_socket_directories')")))
    assert len(os.fsencode(socket_dir)) <= SOCKET_DIR_LIMIT
    assert socket_dir.stat().st_mode & 0o077 == 0
    await server.stop()
    assert not socket_dir.exists()


async def test_a_strange_directory_name_works(tmp_path: Path) -> None:
    server = await PrivatePostgres.start(tmp_path / "热线 é % ' & ?", fsync=False)
    assert await ask(server, "SELECT 1") == 1
    await server.stop()


async def test_a_half_made_cluster_is_never_used(tmp_path: Path) -> None:
    half = tmp_path / "postgres" / "new-half" / "data"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = await PrivatePostgres.start(tmp_path, fsync=False)
    assert await ask(server, "SELECT 1") == 1
    assert not half.exists()
    await server.stop()


async def test_an_interrupted_first_start_leaves_nothing_half_made(tmp_path: Path) -> None:
    starting = asyncio.ensure_future(PrivatePostgres.start(tmp_path, fsync=False))
    place = tmp_path / "postgres"
    await until(lambda: any(place.glob("new-*/data/PG_VERSION")))
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert sorted(p.name for p in place.iterdir()) == ["lock"]
    server = await PrivatePostgres.start(tmp_path, fsync=False)
    await server.stop()


async def test_too_little_space_is_one_sentence_and_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(cluster, "NEEDED_MEGABYTES", 10**9)
    with pytest.raises(Unavailable, match="PostgreSQL needs"):
        await PrivatePostgres.start(tmp_path, fsync=False)
    assert not (tmp_path / "postgres" / "server").exists()


@pytest.mark.skipif(not Path("/dev/full").exists() or os.geteuid() != 0, reason="mounts a small file system")
async def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "none", small], check=False).returncode != 0:
        pytest.skip("this machine mounts nothing")
    monkeypatch.setattr(cluster, "NEEDED_MEGABYTES", 1)
    try:
        with pytest.raises(Unavailable, match="no space is left"):
            await PrivatePostgres.start(small, fsync=False)
        assert [p.name for p in (small / "postgres").iterdir()] == ["lock"]
    finally:
        subprocess.run(["umount", small], check=True)


async def test_data_of_another_version_are_refused(tmp_path: Path) -> None:
    server = await PrivatePostgres.start(tmp_path, fsync=False)
    await server.stop()
    (tmp_path / "postgres" / "server" / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(Misuse, match="made by PostgreSQL 17"):
        await PrivatePostgres.start(tmp_path)


async def test_damaged_data_are_one_sentence(tmp_path: Path) -> None:
    server = await PrivatePostgres.start(tmp_path, fsync=False)
    await server.stop()
    (tmp_path / "postgres" / "server" / "data" / "global" / "pg_control").write_bytes(b"x" * 8192)
    with pytest.raises(Unavailable, match=r"did not start: .*FATAL"):
        await PrivatePostgres.start(tmp_path)
    assert find_running(tmp_path) is None


async def test_a_vanished_shelter_is_not_replaced_by_an_empty_database(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "place").write_text(f"{tmp_path / 'gone'}\n")
    with pytest.raises(Misuse, match="which is gone"):
        await PrivatePostgres.start(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="drops to other users")
class TestRoot:
    async def test_a_closed_parent_is_left_closed_and_the_data_find_shelter(self, tmp_path: Path) -> None:
        # A parent that even root without capabilities cannot pass: it belongs to somebody else.
        closed, shelter = tmp_path / "closed", tmp_path / "shelter"
        closed.mkdir(mode=0o700)
        os.chown(closed, 54321, 54321)
        shelter.mkdir()
        server = await PrivatePostgres.start(closed / "data", fsync=False, shelters=[shelter])
        assert await ask(server, "SELECT 1") == 1
        await server.stop()
        assert [p.name for p in shelter.iterdir()] == [Path((closed / "data/postgres/place").read_text().strip()).name]
        assert (closed.stat().st_mode & 0o777, closed.stat().st_uid) == (0o700, 54321)
        server = await PrivatePostgres.start(closed / "data", fsync=False, shelters=[])
        await server.stop()

    async def test_without_namespaces_another_user_runs_it(self, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.setattr(cluster, "candidates", lambda o: [c for c in candidates(o) if c.mode == "drop"])
        shelter = Path("/var/tmp") / f"hotline-test-{os.getpid()}"
        shelter.mkdir(mode=0o755)
        server = None
        try:
            server = await PrivatePostgres.start(tmp_path, fsync=False, shelters=[shelter])
            assert await ask(server, "SELECT 1") == 1
            assert Path(f"/proc/{server.pid}").stat().st_uid != 0
            await server.stop()
            monkeypatch.undo()
            server = await PrivatePostgres.start(tmp_path, fsync=False)  # the owner of the data goes on running it
            assert Path(f"/proc/{server.pid}").stat().st_uid != 0
        finally:
            if server is not None:
                await server.stop()
            subprocess.run(["rm", "-r", shelter], check=True)

    @pytest.mark.parametrize("uid", [65534, 54321])  # one that the machine has a name for, one that it has not
    async def test_an_ordinary_user_runs_it(self, tmp_path_factory: pytest.TempPathFactory, uid: int) -> None:
        prefix = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
        environment = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        python = next(
            (
                p
                for p in PYTHONS
                if subprocess.run([*prefix, p, "-c", IMPORTS], env=environment, stderr=subprocess.DEVNULL).returncode
                == 0
            ),
            "",
        )
        if not python:
            pytest.skip("no Python here that another user could run this with")
        home = Path("/var/tmp") / f"hotline-test-{os.getpid()}-{uid}"
        home.mkdir(mode=0o700)
        os.chown(home, uid, uid)
        try:
            owner = subprocess.Popen(
                [*prefix, python, "-c", textwrap.dedent(OWNER), str(home)],
                stdout=subprocess.PIPE,
                text=True,
                env=environment,
            )
            assert owner.stdout is not None
            pid = int(owner.stdout.readline())
            owner.stdout.close()
            assert Path(f"/proc/{pid}").stat().st_uid == uid
            owner.kill()
            owner.wait()
            await until(lambda: not alive(pid))
        finally:
            subprocess.run(["rm", "-r", home], check=True)

    async def test_unreadable_programs_are_copied(self, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.setattr("hotline.store.program._runs", _only_copies)
        server = await PrivatePostgres.start(tmp_path, fsync=False)
        assert await ask(server, "SELECT 1") == 1
        assert Path(f"/proc/{server.pid}/exe").resolve().is_relative_to(tmp_path)
        await server.stop()


async def _only_copies(directory: Path, identity) -> bool:
    return "site-packages" not in str(directory) and await identity.can(directory / "postgres", "--version")
