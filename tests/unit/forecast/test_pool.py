"""The pool: jobs in other processes; what hangs, eats or dies is ended, said, and replaced."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from forecast.models.base import CannotFit
from forecast.processes.pool import JobFailed, Pool
from hotline.errors import Unavailable
from hotline.tally import Tally
from tests.support.wait import eventually
from tests.unit.forecast import jobs

ROOT = Path(__file__).resolve().parents[3]
LIMIT_S = 60.0


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.fixture
async def pool(tally: Tally) -> AsyncIterator[Pool]:
    made = Pool(tally, workers=1, memory_limit_mb=512)
    yield made
    pids = made.pids
    await made.close()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


async def test_a_job_is_done_elsewhere_and_the_process_serves_the_next_one(pool: Pool) -> None:
    assert await pool.run(jobs.add, 2, 3, limit_s=LIMIT_S) == 5
    pid = await pool.run(jobs.own_pid, limit_s=LIMIT_S)
    assert pid != os.getpid()
    assert [pid] == pool.pids
    assert await pool.run(jobs.threads, limit_s=LIMIT_S) == ("1", "1")


async def test_what_a_library_prints_does_not_come_between_the_answers(pool: Pool) -> None:
    assert await pool.run(jobs.chatter, limit_s=LIMIT_S) == "answer"


async def test_a_job_that_hangs_is_ended_and_the_next_one_gets_another_process(pool: Pool, tally: Tally) -> None:
    first = await pool.run(jobs.own_pid, limit_s=LIMIT_S)
    with pytest.raises(JobFailed, match=r"hang took longer than 0\.2 s") as failed:
        await pool.run(jobs.hang, limit_s=0.2)
    assert failed.value.why == "timeout"
    assert await pool.run(jobs.own_pid, limit_s=LIMIT_S) != first
    await eventually(lambda: not Path(f"/proc/{first}").exists(), what="the end of the one that hung")
    assert tally.counts["forecast_workers_started", ()] == 2


async def test_a_job_that_eats_memory_is_refused_more(pool: Pool) -> None:
    with pytest.raises(JobFailed, match="more than 512 MB") as failed:
        await pool.run(jobs.eat, limit_s=LIMIT_S)
    assert failed.value.why == "memory"
    assert await pool.run(jobs.add, 1, 1, limit_s=LIMIT_S) == 2


@pytest.mark.parametrize(("job", "how"), [(jobs.die, "was ended by SIGSEGV"), (jobs.leave, "ended with 7")])
async def test_a_process_that_dies_is_told_with_how(pool: Pool, job: object, how: str) -> None:
    with pytest.raises(JobFailed, match=how) as failed:
        await pool.run(job, limit_s=LIMIT_S)  # type: ignore[arg-type] # all of them are functions
    assert failed.value.why == "died"
    assert await pool.run(jobs.add, 1, 1, limit_s=LIMIT_S) == 2


async def test_a_job_has_its_whole_time_again_when_it_tells_where_it_is_and_is_ended_where_it_hangs(pool: Pool) -> None:
    await pool.run(jobs.add, 1, 1, limit_s=LIMIT_S)  # the process has started
    with pytest.raises(JobFailed, match=r"took longer than 1.5 s, at slot another") as failed:
        await pool.run(jobs.tell_and_hang, limit_s=1.5, tells=True)
    assert (failed.value.why, failed.value.at) == ("timeout", ("slot", "another"))


async def test_a_process_that_dies_after_it_told_where_it_is_dies_with_that(pool: Pool) -> None:
    with pytest.raises(JobFailed, match="ended with 7, at slot one") as failed:
        await pool.run(jobs.tell_and_leave, limit_s=LIMIT_S, tells=True)
    assert (failed.value.why, failed.value.at) == ("died", ("slot", "one"))


async def test_an_error_of_a_job_is_told_by_its_name(pool: Pool) -> None:
    with pytest.raises(JobFailed, match="ZeroDivisionError: by nought") as failed:
        await pool.run(jobs.fail, limit_s=LIMIT_S)
    assert failed.value.why == "error"


async def test_a_model_that_cannot_fit_says_so_and_its_process_is_kept(pool: Pool) -> None:
    before = await pool.run(jobs.own_pid, limit_s=LIMIT_S)
    with pytest.raises(CannotFit, match="nothing to learn from"):
        await pool.run(jobs.refuse, limit_s=LIMIT_S)
    assert await pool.run(jobs.own_pid, limit_s=LIMIT_S) == before


async def test_jobs_wait_for_a_free_process(pool: Pool) -> None:
    found = await asyncio.gather(*(pool.run(jobs.own_pid, limit_s=LIMIT_S) for _ in range(5)))
    assert len(set(found)) == 1


async def test_who_gives_up_waiting_takes_his_job_with_him(pool: Pool) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await pool.run(jobs.hang, limit_s=LIMIT_S)
    assert await pool.run(jobs.add, 1, 1, limit_s=LIMIT_S) == 2
    assert len(pool.pids) == 1


async def test_a_pool_that_is_closed_starts_nothing() -> None:
    pool = Pool(Tally())
    await pool.close()
    with pytest.raises(Unavailable, match="stops"):
        await pool.run(jobs.add, 1, 1, limit_s=LIMIT_S)


PARENT = """
import asyncio
from forecast.processes.pool import Pool
from hotline.tally import Tally
from tests.unit.forecast import jobs

async def main():
    pool = Pool(Tally())
    print(await pool.run(jobs.own_pid, limit_s=60), flush=True)
    await pool.run(jobs.hang, limit_s=60)

asyncio.run(main())
"""


async def test_when_the_parent_is_killed_its_processes_are_gone() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert parent.stdout is not None
        child = int(await asyncio.to_thread(parent.stdout.readline))
        assert Path(f"/proc/{child}").exists()
    finally:
        parent.kill()
        parent.communicate()
    await eventually(lambda: not Path(f"/proc/{child}").exists(), what="the end of the child")
