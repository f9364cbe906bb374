"""Programs of a fetch: run to their end, in time, or ended all at once when our own program stops."""

import subprocess
import threading

import pytest

from hotline.errors import Unavailable
from hotline.tools.processes import Children
from tests.support.wait import eventually


def test_what_a_program_wrote_is_returned() -> None:
    done = Children().run(["sh", "-c", "echo out; echo err >&2; exit 3"], None, 20)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_a_program_that_takes_too_long_is_ended_with_its_children() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        Children().run(["sh", "-c", "sleep 60 & sleep 60"], None, 0.2)


async def test_all_end_at_once_and_none_begins_afterwards() -> None:
    children = Children()
    ends: list[Exception] = []

    def fetch() -> None:
        try:
            children.run(["sh", "-c", "sleep 60 & sleep 60"], None, 60)
        except Unavailable as exc:
            ends.append(exc)

    threads = [threading.Thread(target=fetch) for _ in range(2)]
    for thread in threads:
        thread.start()
    await eventually(lambda: len(children) == 2, what="two programs under way")
    children.end_all()
    for thread in threads:
        thread.join(20)
    assert [str(e) for e in ends] == ["the fetch was ended because hotline stops"] * 2
    with pytest.raises(Unavailable):
        children.run(["true"], None, 20)
