from pathlib import Path

import pytest

from hotline.settings import Settings
from ivr.flow.library import OWN_FLOWS, read_flows
from ivr.flow.marks import DEPTH_LIMIT, SIZE_LIMIT, FlowInvalid
from ivr.flow.model import CollectStep, HoursStep, MenuStep, QueueStep, says
from ivr.flow.reading import load_flow
from tests.unit.ivr.making import FLOW, flow

GOOD = """\
flow: f
start: a
steps:
  a:
    kind: menu
    prompt:
      - say: {en: Hello, zh: 您好}
    keys:
      1: q
    on_timeout: q
    on_invalid: q
  q:
    kind: queue
    queue: sales
"""


def problems(text: str) -> list[str]:
    with pytest.raises(FlowInvalid) as caught:
        flow(text)
    return str(caught.value).splitlines()


def problem(text: str) -> str:
    """The one problem of `text`, as line:column: message."""
    found = problems(text)
    assert len(found) == 1, found
    return found[0].removeprefix("test.yaml:")


def steps(text: str) -> str:
    return f"flow: f\nstart: a\nsteps:\n{text}"


def test_a_good_flow_is_read() -> None:
    menu = flow(GOOD).steps["a"]
    assert isinstance(menu, MenuStep)
    assert (menu.keys, menu.timeout_s, menu.retries) == ({"1": "q"}, 4.0, 2)


def test_the_flow_that_comes_with_hotline_is_good() -> None:
    library = read_flows(Settings())
    assert library.problems == ()
    assert set(library.by_number) == {"4000"}
    assert {file.stem for file in OWN_FLOWS.glob("*.yaml")} == {"main"}
    assert all(set(say.texts) == {"zh", "en"} for say in says(library.by_number["4000"]))


def test_the_flow_that_comes_with_hotline_is_open_at_any_hour() -> None:
    hours = read_flows(Settings()).by_number["4000"].steps["office_hours"]
    assert isinstance(hours, HoursStep)
    assert all(hours.hours.is_open(1_700_000_000 + h * 3600) for h in range(24 * 8))


def test_the_version_follows_the_text() -> None:
    assert flow(GOOD).version == flow(GOOD).version
    assert len(flow(GOOD).version) == 12
    assert flow(GOOD).version != flow(GOOD + "# changed\n").version


def test_values_are_read_as_they_are_written() -> None:
    found = flow(FLOW.replace("1234", "0077")).steps["code"]
    assert isinstance(found, CollectStep)
    assert set(found.codes) == {"0077", "77"}


def test_texts_are_named_by_flow_step_field_and_position() -> None:
    text = GOOD.replace(
        "    keys:", "      - say: {en: More, zh: 更多}\n    invalid_prompt: [{say: {en: No, zh: 不}}]\n    keys:"
    )
    assert [say.name for say in says(flow(text))] == ["f.a", "f.a.2", "f.a.invalid"]


def test_all_mistakes_are_told_at_once_in_order() -> None:
    text = (
        GOOD.replace("queue: sales", "queue: salse")
        .replace("on_invalid: q", "on_invald: q")
        .replace("start: a", "start: b")
    )
    assert problems(text) == [
        "test.yaml:2:8: start: there is no step `b`",
        "test.yaml:5:5: step `a`: `on_invalid` is missing: without it the step is a dead end",
        "test.yaml:11:5: step `a`: `on_invald` is not known here, did you mean `on_invalid`?",
        "test.yaml:14:12: queue: there is no queue `salse`, did you mean `sales`?",
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("start: a\n", "", "1:1: flow: `start` is missing: it names the first step"),
        ("start: a", "start: a\nextra: 1", "3:1: flow: `extra` is not known here"),
        ("1: q", "1: q\n      1: a", "10:7: 1: these digits are used twice"),
        ("1: q", "12: q", "9:7: keys: `12` is not one of the keys 0 1 2 3 4 5 6 7 8 9 * # (several digits: use a `collect` step)"),
        ("1: q", "1: x", "9:10: keys.1: there is no step `x`"),
        (", zh: 您好", "", "7:14: say: the text in `zh` is missing"),
        ("zh: 您好", "fr: Salut, zh: 您好", "7:26: say: `fr` is not a language of this flow"),
        ("zh: 您好", "zh: ' '", "7:30: say: the text in `zh` is empty"),
        ("kind: queue", "kind: queu", "13:11: kind: `queu` is none of play, menu, collect, hours, language, queue, goodbye, hangup, release, did you mean `queue`?"),
        ("    kind: queue\n", "", "13:5: step `q`: `kind` is missing (play, menu, collect, hours, language, queue, goodbye, hangup, release)"),
        ("on_timeout: q", "on_timeout: a", "10:17: on_timeout: a caller who presses nothing goes round for ever (a -> a)"),
        ("queue: sales", "queue: sales\n    skills: [greman]", "15:14: skills: nobody has `greman`, did you mean `german`?"),
        ("queue: sales", "queue: sales\n    skills: {german: 11}", "15:22: german: a number from 1 to 10 is expected, not `11`"),
        ("queue: sales", "queue: sales\n    skills: {greman: 2}", "15:14: skills: nobody has `greman`, did you mean `german`?"),
        ("queue: sales", "queue: sales\n    priority: high", "15:15: priority: a number from -100 to 100 is expected, not `high`"),
        ("queue: sales", "queue: sales\n    priority: 1.5", "15:15: priority: a whole number is expected"),
        ("queue: sales", "queue: sales\n  lost:\n    kind: hangup", "15:3: step `lost`: no way leads here"),
        ("    keys:", "    timeout_s: 5\n    keys:", "8:16: timeout_s: a number from 1 to 4.5 is expected, not `5`"),
        ("      - say: {en: Hello, zh: 您好}", "      - sound: ../../etc/passwd", "7:16: sound: `../../etc/passwd` is no name of a sound (letters, digits, _ - and /)"),
        ("      - say: {en: Hello, zh: 您好}", "      - {sound: a, say: {en: a, zh: b}}", "7:9: prompt: each entry is one of `say`, `say_all` or `sound`"),
        ("    prompt:\n      - say: {en: Hello, zh: 您好}", "    prompt: []", "6:13: prompt: nothing would be played"),
        ("flow: f", "flow: a/b", "1:7: flow: `a/b` may have letters, digits and . _ : - only (100 at most)"),
        ("start: a", "start: a\nlanguages: [en, fr, zh]", "3:17: languages: `fr` is not one of en, zh"),
        ("start: a", "start: a\nlanguage: fr", "3:11: language: `fr` is not a language of this flow (en, zh)"),
        ("start: a", "start: a\nstart: q", "3:1: start: stands twice"),
        ("  q:\n", "  q: &x\n", "12:6: anchors (`&name`) are not allowed here"),
        ("flow: f", "flow: *x", "1:7: aliases (`*name`) are not allowed here"),
        ("flow: f", "flow: !!python/name:os.system f", "1:7: the tag `tag:yaml.org,2002:python/name:os.system` is not allowed"),
        ("flow: f", "flow: f\x07", "1:8: a character that YAML does not allow"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    assert problem(GOOD.replace(old, new, 1)) == expected


def test_text_that_is_not_yaml_is_told_with_its_line() -> None:
    assert problem(GOOD.replace("flow: f", "flow: [f", 1)).startswith("2:")


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ("weekly: {mon: 9-18}", "6:19: weekly: `9-18` is no interval like 09:00-18:00"),
        ("weekly: {mon: 18:00-09:00}", "6:19: weekly: `18:00-09:00` ends before it begins; write a night as 22:00-24:00 on one day and 00:00-06:00 on the next"),
        ("weekly: {mon: 09:00-25:00}", "6:19: weekly: `09:00-25:00` names a time that does not exist (the last one is 24:00)"),
        ("weekly: {mon: [09:00-12:00, 11:00-13:00]}", "6:19: weekly: the hours of one day overlap"),
        ("weekly: {mon-fri: 09:00-12:00, tue: 09:00-10:00}", "6:36: weekly: tue is given twice"),
        ("weekly: {someday: 09:00-12:00}", "6:14: weekly: `someday` is no day or range of days like mon or mon-fri"),
        ("weekly: sometimes", "6:13: weekly: names with values (`name: value`) are expected here"),
        ("weekly: always\n    closed_dates: [2026-02-30]", "7:20: closed_dates: `2026-02-30` is no date like 2026-10-01"),
        ("weekly: always\n    timezone: Mars/Olympus", "7:15: timezone: `Mars/Olympus` is not known"),
        ("timezone: UTC", "5:5: step `a`: `weekly` is missing: `always`, or days with hours"),
    ],
)  # fmt: skip
def test_wrong_hours_are_told(hours: str, expected: str) -> None:
    text = steps(f"  a:\n    kind: hours\n    {hours}\n    open: b\n    closed: b\n  b: {{kind: hangup}}\n")
    assert problem(text) == expected


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ("{'1': b}", "`1` does not have 2 to 3 digits"),
        ("{'12#': b}", "`12#` has something else than * 0 1 2 3 4 5 6 7 8 9"),
        ("{}", "at least one is needed"),
    ],
)
def test_wrong_codes_are_told(codes: str, expected: str) -> None:
    text = steps(
        f"  a: {{kind: collect, min_digits: 2, max_digits: 3, prompt: [{{sound: x}}], codes: {codes}, on_timeout: b, on_invalid: b}}\n"
        "  b: {kind: hangup}\n"
    )
    assert problem(text).endswith(f"codes: {expected}")


def test_a_step_that_leads_nowhere_is_a_dead_end() -> None:
    assert problem(steps("  a: {kind: play, prompt: [{sound: x}]}\n")) == (
        "4:6: step `a`: `next` is missing: without it the step is a dead end"
    )


def test_a_loop_over_several_steps_without_the_caller_is_refused() -> None:
    text = steps("  a: {kind: play, prompt: [{sound: x}], next: b}\n  b: {kind: language, set: zh, next: a}\n")
    assert problem(text).endswith("a caller who presses nothing goes round for ever (a -> b -> a)")


def test_a_loop_that_needs_the_caller_or_an_agent_is_allowed() -> None:
    found = flow(GOOD.replace("1: q", "1: a").replace("queue: sales", "queue: sales\n    after: a"))
    assert isinstance(found.steps["q"], QueueStep)


def test_the_billion_laughs_are_refused_at_the_first_alias() -> None:
    text = "a: &a [x, x]\nb: &b [*a, *a]\nflow: *b\n"
    assert problem(text) == "1:4: anchors (`&name`) are not allowed here"


def test_deep_nesting_is_refused() -> None:
    assert "nested too deeply" in problem("flow: " + "[" * (DEPTH_LIMIT + 1) + "]" * (DEPTH_LIMIT + 1))
    assert "nested too deeply" in problem("[" * 50_000)


def test_a_huge_file_is_refused() -> None:
    assert problem("#" * (SIZE_LIMIT + 1)) == f"1:1: larger than {SIZE_LIMIT} characters"


@pytest.mark.parametrize("text", ["", "# nothing\n", "just words", "[1, 2]", "---\na: 1\n---\nb: 2\n", "? [a]\n: b\n"])
def test_what_is_no_flow_at_all_is_told_and_not_raised_otherwise(text: str) -> None:
    assert problems(text)


def test_a_broken_file_is_a_problem_of_the_library_and_its_number_has_no_flow(tmp_path: Path) -> None:
    (tmp_path / "main.yaml").write_text("flow: main\nsteps: {}\n", encoding="utf-8")
    library = read_flows(Settings(ivr={"flows_dir": str(tmp_path)}))  # type: ignore[arg-type]
    assert library.by_number == {}
    assert f"{tmp_path / 'main.yaml'}:1:1: flow: `start` is missing" in library.problems[0]


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"flow: other\nstart: a\nsteps: {a: {kind: hangup}}\n"])
def test_a_missing_or_mislabelled_file_is_a_problem_too(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "main.yaml").write_bytes(content)
    library = read_flows(Settings(ivr={"flows_dir": str(tmp_path)}))  # type: ignore[arg-type]
    assert len(library.problems) == 1
    assert library.by_number == {}


def test_the_default_language_of_the_settings_counts_where_the_flow_names_none() -> None:
    found = load_flow(GOOD, source="x", known_queues=["sales"], known_languages=("en", "zh"), language="zh")
    assert found.language == "zh"


def test_who_dials_a_number_with_a_priority_has_it_in_every_line() -> None:
    numbers = {
        "all": {"number": "4000", "flow": "main"},
        "vip": {"number": "4009", "flow": "main", "priority": 20},
        "most": {"number": "4008", "flow": "main", "priority": 100},
    }
    library = read_flows(Settings(numbers=numbers))  # type: ignore[arg-type]

    def priorities(number: str) -> list[int]:
        return [step.priority for step in library.by_number[number].steps.values() if isinstance(step, QueueStep)]

    plain = priorities("4000")
    assert priorities("4009") == [priority + 20 for priority in plain]
    assert set(priorities("4008")) == {100}, "no caller has more than 100"
    assert len({flow.version for flow in library.by_number.values()}) == 1


def test_a_level_that_nobody_has_is_a_mistake(tmp_path: Path) -> None:
    text = FLOW.replace("flow: test", "flow: levels").replace("skills: [german]", "skills: {german: 4}")
    (tmp_path / "levels.yaml").write_text(text, encoding="utf-8")
    crew = [{"id": "1001", "extension": "1001", "skills": {"german": 3}}]
    numbers = {"all": {"number": "4000", "flow": "levels"}}
    queues = [{"id": "sales"}, {"id": "service"}]
    settings = Settings(ivr={"flows_dir": str(tmp_path)}, agents=crew, numbers=numbers, queues=queues)  # type: ignore[arg-type]
    [problem] = read_flows(settings).problems
    assert "skills: nobody has `german` at level 4; the best has 3" in problem
