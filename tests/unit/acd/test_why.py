"""Why? What the router says about its decisions, in records and in words, and `hotline calls why`."""

from datetime import timedelta, timezone
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from acd.core.agents.roster import Held
from acd.core.callers.line import Caller
from acd.core.matching.decisions import PASSED_OVER, PER_CALL, Decision
from acd.core.matching.eligibility import FOR_EVER, may_ring, why_not
from acd.core.offers.book import REFUSAL_S
from acd.core.views import why_view
from hotline import facts as f
from hotline.cli import calls
from hotline.cli.shell import Shell
from hotline.errors import Rejected
from hotline.settings.queues import Queue
from tests.unit.acd.play import Play, profile

BEIJING = timezone(timedelta(hours=8))
CALL = "1f" * 18


def test_a_refusal_is_told_with_its_time_of_day():
    play = Play("1001", "1002", wrap_up_s=0)
    play.ready("1001")
    play.now = 9_060.0  # 02:31 UTC
    play.queued("A")
    play.told(f.OfferRejected, "A")
    play.ready("1002")
    assert "offer A 1002" in play.returned("A")
    decision = play.router.why("A")[-1]
    assert "Agent 1001 was free longer but refused this caller at 02:31." in decision.sentence()
    assert "refused this caller at 10:31." in decision.sentence("en", BEIJING)
    assert "坐席 1001 空闲更久,但10:31 已拒接该来电者。" in decision.sentence("zh", BEIJING)


def test_reasons_are_those_of_the_moment_of_the_decision():
    play = Play(profile("1001"), profile("1002", skills=("card",)))
    play.ready("1001", "1002")
    play.queued("A", skills=("card",))
    play.define(profile("1001", skills=("card",)))
    assert "Agent 1001 was free longer but lacks the skill (card)." in play.router.why("A")[0].sentence()


def test_only_the_first_few_who_were_passed_over_are_named():
    crew = [f"10{n:02}" for n in range(PASSED_OVER + 4)]
    play = Play(*crew, profile("2000", skills=("card",)))
    play.ready(*crew, "2000")
    play.queued("A", skills=("card",))
    [decision] = play.router.why("A")
    assert decision.agents_considered == len(crew) + 1
    assert [passed.agent_id for passed in decision.agents_passed] == crew[:PASSED_OVER]


def test_a_caller_who_came_first_is_passed_over_for_his_own_reason_not_for_what_others_like_him_ask():
    play = Play("1001", "1002")
    play.ready("1002")
    play.queued("Z")
    play.answered("Z")
    play.ready("1001")
    play.queued("A")
    play.unanswered("A", f.OfferRejected)
    play.queued("B")
    [decision] = play.router.why("B")
    [passed] = decision.callers_passed
    assert (passed.call_id, [reason.code for reason in passed.reasons]) == ("A", ["refused_caller"])


def test_only_the_last_decisions_of_a_call_are_kept():
    play = Play("1001")
    play.ready("1001")
    play.queued("A")
    for _ in range(PER_CALL + 3):
        play.unanswered("A", f.OfferRejected)
        play.after(REFUSAL_S + 0.1)
    kept = play.router.why("A")
    assert len(kept) == PER_CALL
    assert kept[-1].offer_id == play.last_offer("A")


def test_a_decision_can_be_sent_and_read():
    play = Play("1001", "1002", queues=(Queue(id="q", tiers={"gold": 2}),), house={"between_queues": "longest_wait"})
    play.ready("1001", "1002")
    play.queued("A")
    [decision] = play.router.why("A")
    assert msgspec.json.decode(msgspec.json.encode(decision), type=Decision) == decision
    view = why_view(play.router.floor, "A", play.now)
    assert view.decisions[0].sentence_zh.startswith("来电者等待 0.0 秒后派给坐席 1001")


def test_the_view_of_who_waits_tells_his_place_and_what_it_goes_by():
    play = Play(skills={"english": 4}, ageing_per_minute=3, tiers={"gold": 5})
    play.arrived("A")
    play.identified("A", tier="gold")
    play.queued("A", priority=1)
    play.after(40)
    waiting = why_view(play.router.floor, "A", play.now).waiting
    assert (waiting.tier, waiting.levels, waiting.rank_priority) == ("gold", {"english": 4}, pytest.approx(8.0))


needs = st.dictionaries(st.sampled_from(["a", "b"]), st.integers(1, 7), max_size=2).map(
    lambda d: tuple(sorted(d.items()))
)


@given(
    needs=needs,
    skills=st.dictionaries(st.sampled_from(["a", "b"]), st.integers(1, 7), max_size=2),
    state=st.sampled_from(["ready", "ready", "ready", "break"]),
    held=st.sampled_from([None, None, None, *get_args(Held)]),
    last_outgoing=st.booleans(),
    outgoing=st.booleans(),
    dialled=st.booleans(),
    serves=st.sampled_from([("q",), ("other",)]),
    barred=st.sampled_from([frozenset(), frozenset({"1001"})]),
    wanted=st.sampled_from([None, "1001", "1002"]),
    until=st.sampled_from([5.0, FOR_EVER]),
)
def test_the_quick_answer_is_that_of_the_reasons(
    needs, skills, state, held, last_outgoing, outgoing, dialled, serves, barred, wanted, until
):
    play = Play(msgspec.structs.replace(profile("1001"), skills=skills))
    agent = play.router.floor.agents["1001"]
    agent.state, agent.held, agent.last_outgoing = state, held, last_outgoing
    caller = Caller(call_id="A", node="n", queue_id="q", entered_at=0.0, priority=0, rank=(0, 0.0, "A"), needs=needs)
    caller.barred, caller.wanted_agent, caller.wanted_until = barred, wanted, until
    caller.outgoing, caller.dialled = outgoing, dialled
    assert may_ring(agent, caller, serves, play.router.floor.agents.has(agent)) == (not why_not(agent, caller, serves))


# --- the command ---------------------------------------------------------------------------------------------------------------

ANSWER = {
    "call_id": CALL,
    "decisions": [{"sentence": "Agent 1001 was offered the caller.", "sentence_zh": "派给坐席 1001。", "decision": {"at": 0.0}}],
    "waiting": {
        "position": 2, "waited_s": 31.4, "rank_priority": 1.5,
        "why_nobody": [{"agents": 3, "text_en": "is on a break", "text_zh": "示忙(小休)"}],
    },
}  # fmt: skip


ENDED = {"call_id": CALL, "queue_id": None, "outcome": "ivr_only"}


class FakeClient:
    def get(self, path: str, **_query: object) -> object:
        assert path == f"/api/v1/calls-why/{CALL}"
        return ANSWER


class NoDecision:
    def get(self, path: str, **_query: object) -> object:
        if path == f"/api/v1/calls-why/{CALL}":
            raise Rejected("404", "nothing is known about this call, or no longer")
        assert path == f"/api/v1/calls/{CALL}"
        return {"call": ENDED}


@pytest.fixture
def run(monkeypatch):
    def do(*words: str, client: FakeClient | NoDecision = FakeClient()) -> str:  # noqa: B008 - it keeps nothing
        monkeypatch.setattr(Shell, "client", lambda _: client)
        monkeypatch.setenv("COLUMNS", "200")
        result = CliRunner().invoke(calls.app, ["why", CALL, *words])  # type: ignore[arg-type]
        assert result.exit_code == 0, result.output
        return result.output

    return do


def test_the_command_says_whom_a_call_was_offered_to_and_why_nobody_is_rung(run):
    said = run().splitlines()
    assert said[0].endswith("Agent 1001 was offered the caller.")
    assert said[1:] == ["Waits at place 2 for 31 s with priority 1.5.", "  3 agents: is on a break"]


def test_the_command_says_it_in_chinese(run):
    said = run("--language", "zh").splitlines()
    assert said[0].endswith("派给坐席 1001。")
    assert said[1:] == ["正在等待:第 2 位,已等待 31 秒,优先级 1.5。", "  3 名坐席:示忙(小休)"]


def test_the_command_hands_records_to_programs(run):
    assert msgspec.json.decode(run("--json")) == ANSWER


@pytest.mark.parametrize(("language", "said"), [("en", "was not offered to any agent: it entered no queue; outcome: ivr_only."),
                                                ("zh", "没有派给任何坐席:未进入任何队列,结果 ivr_only。")])  # fmt: skip
def test_the_command_says_of_a_call_that_met_no_decision_how_it_went(run, language, said):
    assert run("--language", language, client=NoDecision()).rstrip().endswith(said)


def test_a_call_that_met_no_decision_is_an_empty_list_for_programs(run):
    assert msgspec.json.decode(run("--json", client=NoDecision())) == {
        "call_id": CALL,
        "decisions": [],
        "waiting": None,
    }
