"""Mistakes in settings: the line of the file, what is wrong, and the remedy; those between sections too."""

from pathlib import Path

import pytest

from hotline.settings import load
from hotline.settings.mistakes import BadSettings, Mistake
from hotline.settings.places import line_of, lines_of


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def mistakes(text: str) -> tuple[Mistake, ...]:
    path = Path("site.toml")
    path.write_text(text)
    with pytest.raises(BadSettings) as caught:
        load(path)
    return caught.value.mistakes


def only(text: str) -> Mistake:
    (mistake,) = mistakes(text)
    return mistake


def is_right(text: str) -> None:
    path = Path("site.toml")
    path.write_text(text)
    load(path)


# --- places ------------------------------------------------------------------------------------------------------------

EVERYTHING = '''# comment
data_dir = "x" # y
break_reasons = ["a",
  "b", # ]
  'c']

[http]
port = 1
"ho st" = """a
= [b
"""
acd.outcomes = [ "x" ]
[[queues]]
id = "a"
skills = { english = 3, "deu tsch" = 4 }
overflow = [
  { when = "waited", over = 5.5, to = "queue:b" },

  { when = "length" },
]
[queues.comfort]
position = true
[[queues]]
id = 'b'
[[queues.relax]]
after_s = 1
[[queues.relax]]
after_s = 2
[hours.x.weekly]
mon = ["1"]
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("data_dir",), 2),
        (("break_reasons", 1), 4),
        (("break_reasons", 2), 5),
        (("http",), 7),
        (("http", "ho st"), 9),
        (("http", "acd", "outcomes", 0), 12),
        (("queues", 0, "skills", "deu tsch"), 15),
        (("queues", 0, "overflow", 1), 19),
        (("queues", 0, "overflow", 1, "when"), 19),
        (("queues", 0, "comfort"), 21),
        (("queues", 1, "id"), 24),
        (("queues", 1, "relax", 1, "after_s"), 28),
        (("hours", "x", "weekly", "mon", 0), 30),
        (("queues", 1, "wrap_up_s"), 23),  # not there: where it would be
    ],
)
def test_each_setting_has_its_line(path: tuple[str | int, ...], line: int) -> None:
    assert line_of(path, lines_of(EVERYTHING)) == line


def test_what_is_nowhere_has_no_line() -> None:
    assert line_of(("ivr", "language"), lines_of(EVERYTHING)) is None


@pytest.mark.parametrize(
    "text", ["[", "a = [1, ", "a = {b = ", "[[x", "= 1", "a = 'x", 'a = """', "a.b. = 1", "}", "a = ]"]
)
def test_a_text_that_is_no_toml_comes_to_an_end(text: str) -> None:
    assert isinstance(lines_of(text), dict)


def test_a_mistake_is_told_with_file_line_and_what_was_found() -> None:
    told = str(only("[http]\n\nport = 99999\n"))
    assert told.startswith("site.toml:3: http.port: ")
    assert "found '99999'" in told


def test_a_misspelt_setting_is_told_with_what_was_meant() -> None:
    assert str(only("[[queues]]\nid = 'a'\nwrapup_s = 5\n")) == (
        "site.toml:3: queues.0.wrapup_s: there is no such setting (found '5'); did you mean wrap_up_s?"
    )
    assert "did you mean flow?" in str(mistakes("[numbers.x]\nnumber = '4009'\nflw = 'main'\n")[-1])
    assert "docs/settings.md" in str(only("zzz = 5\n"))


def test_a_mistake_in_the_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_HTTP__PORT", "80800")
    found = only("[http]\nport = 80\n")
    assert (found.variable, found.line, found.file) == ("HOTLINE_HTTP__PORT", None, "")
    assert str(found).startswith("HOTLINE_HTTP__PORT: http.port: ")


def test_a_variable_that_is_no_json_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from hotline.errors import Misuse

    monkeypatch.setenv("HOTLINE_QUEUES", "[{")
    with pytest.raises(Misuse, match="HOTLINE_QUEUES: this is no JSON"):
        load()


def test_mistakes_of_values_and_between_sections_are_told_together() -> None:
    found = mistakes("[http]\nport = 99999\n[[agents]]\nid = 'x'\nextension = '9'\n")
    assert [(m.where, m.line) for m in found] == [("http.port", 2), ("agents", 5)]


def test_no_reference_is_blamed_while_what_it_refers_to_is_wrong_itself() -> None:
    found = mistakes("[seats]\ncount = 'many'\n[[agents]]\nid = 'x'\nextension = '2001'\n")
    assert [m.where for m in found] == ["seats.count"]


# --- between sections ------------------------------------------------------------------------------------------------------

AGENT = "[[agents]]\nid = 'mei'\nextension = '1001'\nskills = { english = 5, card = 2 }\n"
TRUNK = "[outbound]\ntrunk = '192.0.2.1:5060'\nallow = ['1']\n"


def queue(text: str) -> str:
    return f"[[queues]]\nid = 'a'\n{text}\n[[queues]]\nid = 'b'\n"


@pytest.mark.parametrize(
    ("text", "line", "part", "remedy"),
    [
        (queue("skills = ['englsh']") + AGENT, 3, "no agent of the queue a has the skill englsh", "card, english"),
        (queue("skills = { english = 7 }") + AGENT, 3, "english at level 7; the best has 5", "ask for less"),
        (
            queue("relax = [{ after_s = 5, skills = { englsh = 0 } }]") + AGENT, 3, "has the skill englsh", "give it to an agent",
        ),
        (
            queue("skills = ['english', 'card']") + "[[agents]]\nid = 'x'\nextension = '1001'\nskills = ['english']\n"
            "[[agents]]\nid = 'y'\nextension = '1002'\nskills = ['card']\n",
            3, "all that it asks for together (card 1, english 1)", "ask for less",
        ),
        (
            queue("skills = { english = 3 }\nrelax = [{ after_s = 5, skills = { english = 4 } }]"), 4,
            "english at level 4 is more than the queue asks for", "less than 3",
        ),
        (queue("when_full = 'queue:nowhere'"), 3, "there is no queue nowhere", "choose one of a, b"),
        (queue("when_full = 'callback'"), 3, "called back without a trunk", "[outbound] trunk"),
        (queue("when_full = 'number:13800138000'"), 3, "no outgoing calls are set up", "[outbound] trunk"),
        (TRUNK + queue("when_full = 'number:0016175551234'"), 6, "may not be called", "allow and deny"),
        (queue("comfort.keys = { 1 = 'queue:nowhere' }"), 3, "there is no queue nowhere", "choose one of"),
        (queue("opening = 'office'"), 3, "there is no [hours.office]", "add it first"),
        (queue("overflow = [{ when = 'waited', to = 'voicemail' }]"), 3, "how much is too much", "set `over`"),
        (queue("surge_agents = ['li']") + AGENT, 3, "there is no agent li", "choose one of mei"),
        (queue("ring_more_every_s = 3"), 3, "belongs to the strategy ring_progressive, but this queue's is longest_idle", "take one"),
        (queue("strategy = 'random'\nring_at_once = 3"), 4, "ring_all or ring_progressive, but this queue's is random", "take one"),
        (queue("sticky_s = 5"), 3, "nobody is kept for anybody", "set sticky"),
        (queue("overflow = [{ when = 'length', over = 5, to = 'queue:a' }]"), 3, "in a circle: a -> a", "something else"),
        (AGENT + "devices = ['1001']", 5, "mei has the seat 1001, which mei has already", "once"),
        (AGENT + "devices = ['1002', '1002']", 5, "mei has already", "once"),
        (AGENT + "devices = ['1002']\n[[agents]]\nid = 'li'\nextension = '1002'\n", 5, "which li has already", "once"),
        (AGENT + "devices = ['3001']", 5, "not one of the seats", "widen [seats]"),
        (AGENT + "remote_number = '13800138000'", 5, "no outgoing calls are set up", "[outbound] trunk"),
        (TRUNK + AGENT + "remote_number = '01012345678'", 8, "may not be called", "allow and deny"),
        (AGENT + "preference = { nowhere = 1 }", 5, "which he does not serve", "take it away"),
        (queue("language_skill = true") + AGENT, 3, "callers speak zh or en, and no agent of the queue a", "their languages"),
        ("break_reasons = ['a', 'b', 'a']\n", 1, "a stands twice", "once"),
        ("[acd.break_limit_s]\nlunsh = 5\n", 2, "no such reason of a break", "lunch"),
        ("[acd]\noutcomes = ['a', 'b', 'a']\n", 2, "a stands twice", "once"),
        ("[acd]\nbetween_queues = 'fair'\n", 2, "strict_priority", "choose one of them"),
        ("[acd]\nbetween_queues = 'longest'\n", 2, "strict_priority", "did you mean longest_wait?"),
        (queue("strategy = ['ordered', 'random']"), 3, "'ring_all' or", "name one of them"),
        ("[[agents]]\nid = 'mei'\nextension = 1001\n", 3, "valid string", 'write it in quotes: "1001"'),
        ("[[agents]]\nid = 'mei'\n", 1, "required", "add it"),
        ("break_reasons = 'lunch'\n", 1, "valid tuple", "[brackets]"),
        ("[[queues]]\nid = 'a'\ncomfort = 'music'\n", 3, "valid dictionary", "write a table"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_told_with_its_line_and_a_remedy(
    text: str, line: int, part: str, remedy: str
) -> None:
    found = only(text)
    assert (found.line, found.file) == (line, "site.toml")
    assert part in found.text
    assert remedy in found.remedy


@pytest.mark.parametrize(
    "text",
    [
        AGENT,
        queue("skills = ['englsh']"),  # agents come later, through the API
        queue("skills = { english = 7 }\nrelax = [{ after_s = 5, skills = { english = 5 } }]") + AGENT,
        queue("skills = ['russian']") + AGENT + "queues = ['b']\n",
        queue("when_full = 'queue:b'\ncomfort.keys = { 1 = 'queue:a' }"),
        queue("strategy = 'ring_progressive'\nring_more_every_s = 3\nring_at_once = 4"),
        queue("outcome_required = true"),
        queue("at_closing = 'voicemail'"),  # a supervisor can close it by hand
        queue("ring_at_once = 10\nsticky_s = 10"),  # as they are by themselves
        TRUNK + queue("when_full = 'number:13800138000'\nwhen_closed = 'callback'") + AGENT + "remote_number = '13900139000'\n",
        AGENT + "devices = ['1002', '1003']\n",
        "[acd.break_limit_s]\nlunch = 1800\nlogged_in = 300\n",
        "[hours.office.weekly]\nmon-fri = ['09:00-18:00']\n" + queue("opening = 'office'\nat_closing = 'voicemail'"),
    ],
)  # fmt: skip
def test_what_fits_together_is_accepted(text: str) -> None:
    is_right(text)


def test_a_circle_of_queues_is_told_once_with_its_way() -> None:
    found = only(
        "[[queues]]\nid = 'a'\nwhen_full = 'queue:b'\n"
        "[[queues]]\nid = 'b'\noverflow = [{ when = 'waited', over = 60, to = 'queue:c' }]\n"
        "[[queues]]\nid = 'c'\nwhen_closed = 'queue:a'\n[[queues]]\nid = 'd'\nwhen_full = 'queue:a'\n"
    )
    assert "a -> b -> c -> a" in found.text
    assert found.line == 9


def test_a_key_that_leads_back_is_no_circle() -> None:
    is_right("[[queues]]\nid = 'a'\nwhen_full = 'queue:b'\n[[queues]]\nid = 'b'\ncomfort.keys = { 1 = 'queue:a' }\n")


@pytest.mark.parametrize(
    ("text", "line", "part", "remedy"),
    [
        (
            "[[queues]]\nid = 'a'\nstrategy = 'ordered'\n\nstrategy = 'random'\n", 5,
            "strategy stands twice in this table, first on line 3", "take one of the two away",
        ),
        ("[[queues]]\nid = 'a'\n[[queues]]\nid = 'b'\n'id' = 'c'\n", 5, "'id' stands twice in this table", "take one"),
        ("[http]\nport = 1\n[sip]\n[http]\n", 4, "the table http stands twice, first on line 1", "[[…]]"),
        ("[acd]\nx = { a = 1, a = 2 }\n", 2, "Duplicate inline table key 'a'", "take one of the two away"),
        ("data_dir = site\n", 1, "Invalid value", "in quotes"),
        ("data_dir = 'x'\nlog.level = \"warning\n", 2, "Illegal character", "close the quotes"),
        ('data_dir = "D:\\calls"\n', 1, "Unescaped", "single quotes"),
        ("data_dir: x\n", 1, "Expected '='", "write name = value"),
        ("[http\nport = 1\n", 1, "Expected ']'", "close the bracket"),
        ("break_reasons = ['a',\n'b'\n", 3, "Unclosed array", "close the bracket"),
    ],
)  # fmt: skip
def test_what_is_no_toml_is_told_with_its_line_and_a_remedy(text: str, line: int, part: str, remedy: str) -> None:
    found = only(text)
    assert (found.line, found.file) == (line, "site.toml")
    assert part in found.text
    assert remedy in found.remedy


def test_text_that_is_not_utf8_is_told_with_its_line() -> None:
    Path("site.toml").write_bytes("[[queues]]\nname = '客服'\n".encode("gb18030"))
    with pytest.raises(BadSettings) as caught:
        load(Path("site.toml"))
    assert str(caught.value) == "settings: site.toml:2: this is not valid TOML: no UTF-8; save the file as UTF-8"


def test_a_wrong_value_of_a_queue_hides_no_mistake_between_queues_and_agents() -> None:
    found = mistakes(
        "[[queues]]\nid = 'a'\nring_timeout_s = 900\noverflow = [{ when = 'sometimes', to = 'queue:b' }]\nskills = ['english']\n"
        "[[queues]]\nid = 'b'\nwhen_full = 'queue:nowhere'\n"
        "[[agents]]\nid = 'mei'\nextension = '1001'\nskills = ['englsh']\nready_at_login = 'perhaps'\n"
    )
    assert [(m.where, m.line) for m in found] == [
        ("queues.0.ring_timeout_s", 3), ("queues.0.overflow.0.when", 4), ("queues.0.skills.english", 5),
        ("queues.1.when_full", 8), ("agents.0.ready_at_login", 13),
    ]  # fmt: skip


def test_what_others_go_by_is_put_right_first() -> None:
    found = mistakes("[[queues]]\nid = 'a'\nstrategy = 'ringall'\nring_at_once = 3\nwhen_full = 'queue:nowhere'\n")
    assert [m.where for m in found] == ["queues.0.strategy"]


def test_no_secret_stands_in_a_mistake() -> None:
    assert "hunter2" not in str(mistakes("[ami]\nsecret = ['hunter2']\n")[0])


# --- the calendar of forecasts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[forecast]\ncountry = "ZZ"\n', 2, "no holidays are known of this country"),
        ('[forecast]\n\ncountry = "china"\n', 3, "use a country code of ISO 3166"),
        ('[forecast]\ncountry = "GB"\nregion = "XX"\n', 1, "known are: ENG, NIR, SCT, WLS"),
    ],
)
def test_a_country_without_known_holidays_is_told_with_its_line(text: str, line: int, said: str) -> None:
    mistake = only(text)
    assert mistake.line == line
    assert said in str(mistake)


@pytest.mark.parametrize("place", ['country = ""', 'country = "GB"\nregion = "wls"', 'country = "IL"'])
def test_known_countries_and_none_are_right(place: str) -> None:
    is_right(f"[forecast]\n{place}\n")
