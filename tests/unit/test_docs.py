"""What the documents say exists: generated pages are current; links, files, commands, settings, metrics and alerts are real."""

import configparser
import importlib.util
import os
import re
import shlex
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from typer.main import get_command

from acd.api.routes import routes as acd_routes
from crm.api.routes import routes as crm_routes
from forecast.api import routes as forecast_routes
from forecast.api_whatif import whatif_routes
from forecast.rosters.api import roster_routes
from hotline.cli.main import app
from hotline.settings import Settings, load
from hotline.web.stream import PATH as STREAM
from ivr.flow.library import Library
from ivr.flow.reading import load_flow
from ivr.routes import ivr_routes

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
SUFFIXES = ("py", "md", "toml", "yml", "yaml", "json", "sql", "sh", "service", "lock")
PAGE = pytest.mark.parametrize("page", PAGES, ids=NAMES)
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def fences(text: str, *languages: str) -> Iterator[str]:
    for indent, language, body in FENCE.findall(text):
        if language in languages:
            yield textwrap.dedent(body) if indent else body


def spans(text: str) -> Iterator[str]:
    """Every `code span` outside fenced blocks."""
    for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", FENCE.sub("", text)):
        yield " ".join(span.split())


@cache
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def generated() -> dict[str, str]:
    return dict(generator().pages())


def written(page: Path) -> str:
    """The text of a page without the list of files that is made from docstrings."""
    before, _, rest = page.read_text(encoding="utf-8").partition(generator().BEGIN)
    return before + rest.partition(generator().END)[2]


# --- generated pages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/agents.md", "docs/settings.md", "hotline.example.toml"])
def test_a_generated_page_is_what_the_code_says_now(page: str) -> None:
    assert (ROOT / page).read_text(encoding="utf-8") == generated()[page], f"{page} is stale; run make docs"


def test_every_generated_page_is_checked_above() -> None:
    assert set(generated()) == {
        "docs/architecture.md", "docs/agents.md", "docs/settings.md", "hotline.example.toml",
    }  # fmt: skip


def test_every_setting_is_on_the_page_of_settings_and_in_the_example_file() -> None:
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    example = (ROOT / "hotline.example.toml").read_text(encoding="utf-8")
    found = {name: field.annotation for name, field in Settings.model_fields.items()}
    for name, section in found.items():
        fields = getattr(section, "model_fields", None)
        for setting in [name] if fields is None else list(fields):
            assert f"`{setting}`" in page or f"[{setting}" in page, setting
            assert re.search(rf"^#(\[*{setting}|.*\b{setting}\b)", example, re.MULTILINE), setting


def test_the_example_file_with_every_setting_taken_from_comment_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in [v for v in os.environ if v.startswith("HOTLINE_")]:
        monkeypatch.delenv(variable)
    example = (ROOT / "hotline.example.toml").read_text(encoding="utf-8")
    file = tmp_path / "hotline.toml"
    file.write_text(re.sub(r"^#(?=[\[a-z])", "", example, flags=re.MULTILINE), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    loaded = load(file)
    assert "max_calls = 500" in file.read_text(encoding="utf-8")
    assert loaded == Settings()


# --- examples in the text -------------------------------------------------------------------------------------------------


@PAGE
def test_settings_in_the_text_can_be_loaded(page: Path, tmp_path: Path) -> None:
    for block in fences(page.read_text(encoding="utf-8"), "toml"):
        (tmp_path / "hotline.toml").write_text(block, encoding="utf-8")
        load(tmp_path / "hotline.toml")


def test_call_flows_in_the_text_are_good() -> None:
    blocks = [b for p in PAGES for b in fences(p.read_text(encoding="utf-8"), "yaml")]
    assert blocks
    for block in blocks:
        flow = load_flow(block, source="docs", known_queues=["service"], known_languages=["en", "zh"])
        assert flow.name == yaml.safe_load(block)["flow"]


# --- names in the text ----------------------------------------------------------------------------------------------------


@PAGE
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    headings = {slug(h) for h in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text)):
        file, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        assert not file or (page.parent / file).exists(), target
        assert file or anchor in headings, target


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@PAGE
def test_every_file_that_is_named_exists(page: Path) -> None:
    rooms = "|".join(p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith("."))
    within = re.compile(rf"(?:{rooms})/[\w./*-]*")
    above = re.compile(rf"[\w.-]+\.(?:{'|'.join(SUFFIXES)})")
    for span in spans(written(page)):
        if within.fullmatch(span) or (above.fullmatch(span) and span not in MADE_AT_RUN_TIME):
            assert list(ROOT.glob(span.rstrip("/"))), f"there is no {span}"


MADE_AT_RUN_TIME = {
    "runtime.json", "secrets.json", "hotline.toml", "main.menu.wav", "talk.wav", "states.py", "agents.py",
}  # fmt: skip


@PAGE
def test_every_test_that_is_named_exists(page: Path) -> None:
    named = [span for span in spans(written(page)) if re.fullmatch(r"test_[a-z0-9_]+", span)]
    code = "\n".join(f.read_text(encoding="utf-8") for f in (ROOT / "tests").rglob("test_*.py")) if named else ""
    for name in named:
        assert f"def {name}(" in code, f"there is no test {name}"


@PAGE
def test_every_command_that_is_named_exists(page: Path) -> None:
    for words in commands(page.read_text(encoding="utf-8")):
        check_command(words)


def commands(text: str) -> Iterator[list[str]]:
    """Every `hotline …` with its words; "a|b" and "a/b" stand for either."""
    said = [s for s in spans(text) if re.match(r"(\.venv/bin/)?hotline( |$)", s)]
    said += [
        match[1]
        for block in fences(text, "sh", "console", "")
        for line in block.splitlines()
        if (match := re.match(r"(?:\$ )?(?:sudo -u \w+ )?(?:[A-Z_]+=\S+ )*((?:\S*/)?hotline .*)", line.strip()))
    ]
    for line in said:
        yield shlex.split(line.partition(" # ")[0].replace("…", " … "), comments=False)[1:]


HOTLINE: Any = get_command(app)


def check_command(words: list[str]) -> None:
    command = HOTLINE
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "…" or (word.isupper() and getattr(command, "commands", None)):
            return
        if word.startswith("-"):
            option = next((p for p in command.params if word in p.opts), None)
            assert option is not None, f"{command.name} has no {word} (in {' '.join(words)})"
            if not option.is_flag and left:
                left.pop(0)
        elif getattr(command, "commands", None):
            found = [command.commands.get(w) for w in word.split("|")]
            assert all(found), f"there is no command {word} (in hotline {' '.join(words)})"
            command = found[0]


@PAGE
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for span in spans(written(page)):
        if match := re.fullmatch(r"make ([a-z]+)( \S+)*", span):
            assert match[1] in targets, span


@PAGE
def test_every_variable_that_is_named_is_a_setting(page: Path) -> None:
    for variable in set(re.findall(r"\bHOTLINE_[A-Z_]+", page.read_text(encoding="utf-8"))):
        first, _, second = variable.removeprefix("HOTLINE_").lower().partition("__")
        if variable in ("HOTLINE_CACHE_DIR", "HOTLINE_BENCH_DATA"):
            continue
        field = Settings.model_fields.get(first)
        assert field is not None, variable
        assert not second or second in getattr(field.annotation, "model_fields", {}), variable


SECTIONS = {name: model for name, (_, model) in generator().heads().items()}


@PAGE
def test_every_setting_that_is_named_exists(page: Path) -> None:
    for span in spans(written(page)):
        match = re.fullmatch(r"(\w+)\.(\w+)(?: = .*)?", span)
        if match is None or match[1] not in SECTIONS or match[2] in SUFFIXES:
            continue
        assert match[2] in SECTIONS[match[1]].model_fields, f"there is no setting {span}"


@PAGE
def test_every_metric_that_is_named_exists(page: Path) -> None:
    known = set(spans((ROOT / "docs/metrics.md").read_text(encoding="utf-8")))
    for span in spans(written(page)):
        if re.fullmatch(r"hotline_[a-z_]+", span):
            assert span in known, span


def test_the_operators_guide_has_every_alert() -> None:
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules/alerts.yml").read_text(encoding="utf-8"))
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    guide = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(Hotline\w+)`", guide, re.MULTILINE)) == alerts


def test_the_api_page_names_operations_that_exist() -> None:
    nothing: Any = None  # handlers are not called here
    routes = [
        *crm_routes(nothing, Settings(), ROOT, tell=nothing),
        *acd_routes(nothing, nothing),
        *forecast_routes(nothing, nothing, Settings()),
        *whatif_routes(nothing, Settings()),
        *roster_routes(nothing, nothing, nothing, nothing),
        *ivr_routes(Library(by_number={})),
    ]
    named = {s for s in spans((ROOT / "docs/api.md").read_text(encoding="utf-8")) if s.startswith("/api/v1/")}
    assert named - {"/api/v1/openapi.json", STREAM} <= {route.path for route in routes}


def test_the_systemd_unit_runs_a_command_that_exists() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(ROOT / "deploy/systemd/hotline.service", encoding="utf-8")
    program, *words = shlex.split(unit["Service"]["ExecStart"])
    assert program.endswith("/hotline")
    assert words[-1] == "up"
    check_command(words)
    assert unit["Service"]["KillMode"] == "process", "our death must not end Asterisk"


# --- the checks themselves ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong", ["hotline fly", "hotline agent fire", "hotline calls --colour", "hotline agent list|fire"]
)
def test_a_command_that_does_not_exist_is_noticed(wrong: str) -> None:
    (words,) = commands(f"see `{wrong}` for more")
    with pytest.raises(AssertionError):
        check_command(words)
