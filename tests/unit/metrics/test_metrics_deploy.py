"""Generated files are current, and everything that asks for a metric asks for one that exists."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from hotline.errors import Misuse
from hotline.facts import Advice
from hotline.kpi import FORMULAS
from metrics.definitions import DEFINITIONS
from metrics.generate import FILES, ROOT
from metrics.scrape import scrape_config
from metrics.staffing_panels import ADVICE
from metrics.staffing_panels import STAFFING as STAFFING_PLAN
from tests.support.prometheus import DASHBOARD, DASHBOARDS, RULES, STAFFING, dashboard_queries

TEMPLATE = (ROOT / "deploy/prometheus/prometheus.yml.in").read_text(encoding="utf-8")
RECORDED = {
    r["record"] for f in RULES for g in yaml.safe_load(f.read_text())["groups"] for r in g["rules"] if "record" in r
}


@pytest.mark.parametrize("path", sorted(FILES))
def test_generated_file_is_current(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == FILES[path](), "run `python -m metrics.generate`"


def _names_that_exist() -> set[str]:
    names: set[str] = set()
    for metric in DEFINITIONS:
        endings = ("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",)
        names |= {metric.full_name + e for e in endings}
    return names


def _expressions() -> list[str]:
    rules = [
        r["expr"] for f in RULES for g in yaml.safe_load(f.read_text(encoding="utf-8"))["groups"] for r in g["rules"]
    ]
    return [*rules, *(expr for path in DASHBOARDS for _, expr in dashboard_queries(path))]


def test_dashboards_rules_and_alerts_ask_only_for_defined_metrics_and_labels() -> None:
    expressions = _expressions()
    assert len(expressions) > 40
    asked = {name for e in expressions for name in re.findall(r"(?<![:\w])hotline_\w+(?!:)", e)}
    assert asked - _names_that_exist() == set()
    recorded = {name for e in expressions for name in re.findall(r"\w+:hotline_\w+:\w+", e)}
    assert recorded - RECORDED == set()
    selectors = {
        x for e in expressions for s in re.findall(r"\{([^}]*)\}", e) for x in re.findall(r"(\w+)\s*(?:=|!)", s)
    }
    assert selectors - {label.name for m in DEFINITIONS for label in m.labels} - {"job"} == set()


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_title_is_bilingual(path: Path) -> None:
    board = json.loads(path.read_text(encoding="utf-8"))
    titles = [board["title"], *(p["title"] for p in board["panels"])]
    assert len(titles) > 20
    assert all(re.search(r"[一-鿿A].*/ [A-Z]", t) for t in titles)


def test_the_dashboard_prints_the_formula() -> None:
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    titles = [p["title"] for p in board["panels"]]
    rates = [t for t in titles if "Connect rate" in t]
    assert len(rates) == 2
    assert all(FORMULAS["B"].text in t for t in rates)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboard_targets_have_ref_ids_and_the_datasource_is_a_variable(path: Path) -> None:
    board = json.loads(path.read_text(encoding="utf-8"))
    panels = [p for p in board["panels"] if p["type"] != "row"]
    for panel in panels:
        refs = [t["refId"] for t in panel["targets"]]
        assert refs == sorted(set(refs))
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    ids = [p["id"] for p in board["panels"]]
    assert len(ids) == len(set(ids))
    assert [v["name"] for v in board["templating"]["list"]] == ["datasource", "queue"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_do_not_overlap(path: Path) -> None:
    board = json.loads(path.read_text(encoding="utf-8"))
    cells = [
        (x, y)
        for g in (p["gridPos"] for p in board["panels"])
        for x in range(g["x"], g["x"] + g["w"])
        for y in range(g["y"], g["y"] + g["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23


def test_a_range_lies_between_two_lines_of_its_panel() -> None:
    fans = [panel for row in STAFFING_PLAN.rows for panel in row.panels if panel.look == "fan"]
    assert len(fans) == 2
    assert all(set(panel.band or ("?",)) <= {q.legend for q in panel.queries} for panel in fans)


def test_every_number_of_forecast_and_staff_is_on_the_dashboard_of_them() -> None:
    shown = {name for _, expr in dashboard_queries(STAFFING) for name in re.findall(r"hotline_\w+", expr)}
    told = {m.full_name for m in DEFINITIONS if m.name.startswith(("forecast", "staff_", "adherence_"))}
    assert told - shown == {
        "hotline_forecast_active",
        "hotline_forecast_calls",
        "hotline_forecasts_made_total",
        "hotline_forecast_workers_started_total",
    }


def test_every_advice_has_words() -> None:
    assert set(ADVICE) == set(get_args(Advice))


def test_every_alert_says_what_happened_and_how_urgent_it_is() -> None:
    alerts = [r for f in RULES for g in yaml.safe_load(f.read_text())["groups"] for r in g["rules"] if "alert" in r]
    assert len(alerts) >= 6
    for alert in alerts:
        assert alert["annotations"]["summary"].endswith((".", "?"))
        assert alert["labels"]["severity"] in ("page", "ticket")


def test_scrape_file_can_name_several_hotlines() -> None:
    config = yaml.safe_load(scrape_config(TEMPLATE, targets=["a.example:1", "[::1]:2"], interval_s=7, rules="r/*.yml"))
    assert config["scrape_configs"][0]["static_configs"] == [{"targets": ["a.example:1", "[::1]:2"]}]
    assert config["global"]["scrape_interval"] == "7s"
    assert config["rule_files"] == ["r/*.yml"]


def test_targets_with_names_carry_them_as_the_process() -> None:
    config = yaml.safe_load(scrape_config(TEMPLATE, targets={"node1": "a.example:1", "acd1": "[::1]:2"}))
    assert config["scrape_configs"][0]["static_configs"] == [
        {"targets": ["a.example:1"], "labels": {"process": "node1"}},
        {"targets": ["[::1]:2"], "labels": {"process": "acd1"}},
    ]


@pytest.mark.parametrize("name", ["", 'a", evil: "b', "a b", "-x"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Misuse, match="no name"):
        scrape_config(TEMPLATE, targets={name: "a.example:1"})


@pytest.mark.parametrize("target", ["", "host", "host:port", 'a:1", "evil:2', "a b:1", "http://a:1"])
def test_a_target_that_is_not_host_and_port_is_refused(target: str) -> None:
    with pytest.raises(Misuse, match="host:port"):
        scrape_config(TEMPLATE, targets=[target])
