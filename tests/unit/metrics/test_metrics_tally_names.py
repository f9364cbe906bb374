"""Every name that the house tells through the tally is defined: read from the source, so that a new name cannot be forgotten."""

import ast
from collections.abc import Iterator
from pathlib import Path

from hotline.tally import Tally
from metrics.exporter import undefined
from metrics.generate import ROOT

PACKAGES = ("hotline", "telephony", "ivr", "acd", "recorder", "crm", "forecast")
TELLING = ("count", "level", "observe")


def _calls(file: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield (method, name, labels) of each call such as `self._tally.count("name", label=…)` in a file."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TELLING):
            continue
        owner = node.func.value
        name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
        if not name.endswith("tally"):
            continue
        first = node.args[0]
        assert isinstance(first, ast.Constant), (
            f"{file}:{node.lineno}: tell the tally a literal name, so that it can be checked"
        )
        yield node.func.attr, str(first.value), [k.arg or "" for k in node.keywords]


def test_every_name_in_the_source_has_a_definition() -> None:
    tally, found = Tally(), 0
    for file in (f for package in PACKAGES for f in (ROOT / package).rglob("*.py") if f.name != "tally.py"):
        for method, name, labels in _calls(file):
            found += 1
            named = dict.fromkeys(labels, "x")
            if method == "count":
                tally.count(name, 1.0, **named)
            elif method == "level":
                tally.level(name, 1.0, **named)
            else:
                tally.observe(name, 1.0, **named)
    assert found > 20
    assert undefined(tally) == []
