"""`hotline agent …` and `hotline queue …` against a client that writes down what it is asked."""

import json

import pytest
from typer.testing import CliRunner

from hotline.cli import agents
from hotline.cli.shell import Shell

AGENT = {
    "id": "1001", "name": "Mei", "extension": "1001", "skills": {"english": 7}, "queues": ["q"], "state": "talking", "reason": "",
    "since": 1_000.0, "until": None, "call_id": "A", "wish": "break", "phone_reachable": True, "phone_in_use": True, "no_answers": 0,
    "devices": ["1001", "1011"], "remote_number": "", "outbound": True, "overran": False, "wish_reason": "lunch", "wish_by": "boss",
    "conversation": {"call_id": "A", "offer_id": "A.1", "outcome": "resolved"}, "outcome_required": False,
    "preference": {"q": 2}, "wish_forced": True,
}  # fmt: skip
QUEUE = {
    "id": "q", "name": "Service", "skills": [], "waiting": 2, "longest_wait_s": 4.25, "on_duty": 3,
    "agents": {"ready": 1, "talking": 2, "wrap_up": 0, "break": 4}, "closed_by": "hours", "emergency": "storm", "emergency_then": "stay",
}  # fmt: skip
WAITING = {
    "position": 1, "call_id": "A", "waited_s": 3.0, "priority": 0, "whereabouts": "here",
    "why_nobody": [{"agents": 2, "text_en": "is on a break"}],
}  # fmt: skip


class FakeClient:
    def __init__(self, answer: object) -> None:
        self.answer, self.asked = answer, []

    def get(self, path: str, **query: object) -> object:
        self.asked.append(("GET", path))
        return self.answer

    def put(self, path: str, body: object) -> object:
        self.asked.append(("PUT", path, body))
        return self.answer

    def post(self, path: str, body: object) -> object:
        self.asked.append(("POST", path, body))
        return self.answer


@pytest.fixture
def run(monkeypatch):
    def do(app: object, answer: object, *words: str):
        client = FakeClient(answer)
        monkeypatch.setattr(Shell, "client", lambda _: client)
        monkeypatch.setenv("COLUMNS", "200")
        return CliRunner().invoke(app, list(words)), client.asked  # type: ignore[arg-type]

    return do


def test_the_list_of_agents_is_a_table(run):
    result, asked = run(agents.agent_app, [AGENT], "list")
    assert asked == [("GET", "/api/v1/agents")]
    assert "talking (then break)" in result.output
    assert "english=7" in result.output


def test_json_is_what_the_api_says(run):
    result, _ = run(agents.agent_app, [AGENT], "list", "--json")
    assert json.loads(result.output) == [AGENT]


def test_a_state_is_set_with_its_reason(run):
    result, asked = run(agents.agent_app, AGENT, "set", "1001", "break", "--reason", "lunch")
    assert asked == [("PUT", "/api/v1/agents/1001/state", {"state": "break", "reason": "lunch"})]
    assert "break follows when it is over" in result.output


def test_a_state_that_does_not_exist_is_one_sentence(run):
    result, asked = run(agents.agent_app, AGENT, "set", "1001", "asleep")
    assert (result.exit_code, asked) == (1, [])
    assert "choose one of ready, break, offline, end_wrap_up" in result.stderr


def test_an_agent_is_added_with_skills_and_queues(run):
    words = [
        "add",
        "mei",
        "--extension",
        "1003",
        "--name",
        "Mei",
        "--skill",
        "english=7",
        "--skill",
        "card",
        "--queue",
        "q",
        "--preference",
        "q=2",
    ]
    _, asked = run(agents.agent_app, AGENT, *words)
    body = {"id": "mei", "name": "Mei", "extension": "1003", "skills": {"english": 7, "card": 1}, "queues": ["q"]}
    assert asked == [("POST", "/api/v1/agents", body | {"preference": {"q": 2}})]


@pytest.mark.parametrize(
    ("option", "given"),
    [("--skill", "english=good"), ("--skill", "=3"), ("--preference", "q"), ("--preference", "q=first"), ("--skill", "e=9999")],
)  # fmt: skip
def test_a_skill_or_preference_without_a_usable_grade_is_one_sentence(run, option, given):
    result, asked = run(agents.agent_app, AGENT, "add", "mei", "--extension", "1003", option, given)
    assert (result.exit_code, asked) == (1, [])
    assert "from 1 to 10" in result.stderr


def test_the_list_of_queues_is_a_table(run):
    result, asked = run(agents.queue_app, [QUEUE], "list")
    assert asked == [("GET", "/api/v1/queues")]
    assert "4.2" in result.output
    assert "no (hours); storm" in result.output


def test_the_list_of_queues_tells_how_long_it_will_take_and_whether_promises_are_kept(run):
    expected = {"expected_p50_s": 34.2, "expected_p90_s": 80.0, "expected_said": True, "promises_kept": 0.925}
    result, _ = run(agents.queue_app, [QUEUE | expected], "list", "--json")
    assert '"promises_kept": 0.925' in result.output
    result, _ = run(agents.queue_app, [QUEUE | expected], "list")
    assert "34 to 80" in " ".join(result.output.split())
    assert "92% of" in " ".join(result.output.split())


def test_the_line_of_a_queue_says_why_nobody_is_rung(run):
    result, asked = run(agents.queue_app, [WAITING], "waiting", "q")
    assert asked == [("GET", "/api/v1/queues/q/waiting")]
    assert "2 is on a break" in result.output


def test_one_agent_is_shown_with_what_follows_and_how_his_call_went(run):
    result, asked = run(agents.agent_app, AGENT, "show", "1001")
    assert asked == [("GET", "/api/v1/agents/1001")]
    assert "resolved" in result.output
    assert "1001 1011" in result.output
    assert "q=2" in result.output
    assert "break lunch (ordered by boss)" in result.output
    result, _ = run(agents.agent_app, AGENT | {"wish_forced": False}, "show", "1001")
    assert "break lunch (asked for by boss)" in result.output


def test_an_outcome_that_is_owed_is_shown(run):
    result, _ = run(agents.agent_app, AGENT | {"outcome_required": True}, "show", "1001")
    assert "required, not given yet" in result.output


def test_an_agent_is_ordered_into_a_state(run):
    _, asked = run(agents.agent_app, AGENT, "force", "1001", "offline", "--reason", "went home", "--after-call")
    assert asked == [
        ("PUT", "/api/v1/agents/1001/forced-state", {"state": "offline", "when": "after_call", "reason": "went home"})
    ]


def test_nobody_is_ordered_into_a_state_that_does_not_exist(run):
    result, asked = run(agents.agent_app, AGENT, "force", "1001", "talking")
    assert (result.exit_code, asked) == (1, [])
    assert "choose one of ready, break, offline" in result.stderr


def test_an_outcome_is_given_with_a_note(run):
    _, asked = run(agents.agent_app, AGENT, "outcome", "1001", "resolved", "--note", "reset")
    assert asked == [("PUT", "/api/v1/agents/1001/outcome", {"outcome": "resolved", "note": "reset"})]


def test_an_agent_logs_in_at_another_of_his_seats(run):
    _, asked = run(agents.agent_app, AGENT, "set", "1001", "log_in", "--extension", "1011")
    assert asked == [("PUT", "/api/v1/agents/1001/state", {"state": "log_in", "reason": "", "extension": "1011"})]


def test_a_remote_agent_is_added(run):
    words = [
        "add",
        "mei",
        "--extension",
        "1003",
        "--device",
        "1013",
        "--remote",
        "13800138000",
        "--no-outbound",
        "--ready-at-login",
    ]
    _, asked = run(agents.agent_app, AGENT, *words)
    assert asked[0][2] == {
        "id": "mei", "name": "", "extension": "1003", "skills": {}, "queues": [], "devices": ["1013"],
        "remote_number": "13800138000", "outbound": False, "ready_at_login": True,
    }  # fmt: skip
