import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hotline.cli.flow import app
from hotline.errors import Rejected
from hotline.settings import Settings
from hotline.web.routes import Request
from ivr.flow.explain import Walk, show, walk
from ivr.flow.library import read_flows
from ivr.routes import ivr_routes
from tests.unit.ivr.making import FLOW, NOW, flow


def story(*words: str) -> str:
    return "\n".join(walk(flow(), words, now=NOW))


def test_the_tree_names_every_step_once_with_its_recordings() -> None:
    tree = show(flow())
    assert all(tree.count(f"{name}: ") == 1 for name in flow().steps)
    assert "[test.sales.announce.wav]" in tree
    assert "keys.9 -> bye (above)" in tree


def test_a_walk_tells_what_a_caller_hears_and_does() -> None:
    told = story("3", "1", "noanswer", "answer", "1")
    assert "plays zh “请稍候”" in told
    assert told.index("the agent does not answer") < told.index("the agent answers")
    assert "[survey] digit:1" in told
    assert told.endswith("we hang up (goodbye)")


def test_a_caller_who_does_nothing_ends_up_in_the_line() -> None:
    assert story().endswith("the caller waits")


def test_what_means_nothing_where_it_comes_is_told() -> None:
    told = story("answer", "1", "7")
    assert "`answer` means nothing here; press 0-9 * # or hangup" in told
    assert "`7` means nothing here; say answer, noanswer, hangup" in told


def test_a_walk_ends_with_the_call() -> None:
    trial = Walk(flow(), now=NOW)
    trial.go("hangup")
    assert trial.asks == ""
    assert trial.go("1") == "`1` means nothing here; the call is over"


def run(*args: str, **more: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, args, **more)  # type: ignore[arg-type]
    return result.exit_code, result.output


def test_check_says_good_for_the_flow_that_comes_with_hotline() -> None:
    code, said = run("check", "main")
    assert (code, "good" in said) == (0, True)


def test_check_tells_mistakes_with_their_places_and_fails(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(FLOW.replace("queue: sales", "queue: lost"))
    line = FLOW.splitlines().index("    queue: sales") + 1
    code, said = run("check", str(file))
    assert code == 1
    assert f"{file}:{line}:12: queue: there is no queue `lost`" in said
    code, said = run("check", "--json", str(file))
    assert code == 1
    assert json.loads(said)[0]["problems"][0]["line"] == line


def test_a_missing_flow_is_told_in_one_line() -> None:
    code, said = run("show", "nothing")
    assert code == 1
    assert "nothing.yaml: cannot be read: No such file or directory" in said


def test_show_and_try_print_the_flow_and_a_call() -> None:
    assert "flow main, version" in run("show", "main")[1]
    code, said = run("try", "main", "--digits", "9,1,answer")
    assert (code, "We are connecting you to an agent" in said) == (0, True)


def test_try_asks_at_each_menu_when_nothing_is_given() -> None:
    code, said = run("try", "main", input="0\n")
    assert (code, said.rstrip().endswith("we hang up (goodbye)")) == (0, True)


@pytest.mark.parametrize("when", ["tomorrow", "2026-13-01"])
def test_try_refuses_a_time_that_is_none(when: str) -> None:
    assert run("try", "main", "--digits", "1", "--at", when)[0] == 2


async def test_the_api_lists_flows_and_shows_one() -> None:
    listed, one = (route.handler for route in ivr_routes(read_flows(Settings())))
    page = await listed(Request())
    assert [(f.id, f.numbers) for f in page.items] == [("main", ["4000"])]
    detail = await one(Request(path={"id": "main"}))
    assert {s.name: s.kind for s in detail.steps}["menu"] == "menu"
    with pytest.raises(Rejected):
        await one(Request(path={"id": "other"}))
