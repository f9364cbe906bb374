"""Renews the files that are made from code: `python -m metrics.generate`. Needs the development dependencies."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from metrics.dashboards import drawn
from metrics.documentation import metrics_page
from metrics.panels import NOW
from metrics.scrape import DEFAULT_TARGETS, PROCESSES, scrape_config
from metrics.staffing_panels import STAFFING

ROOT = Path(__file__).resolve().parent.parent


def _scrape_file(targets: Sequence[str] | Mapping[str, str]) -> str:
    return scrape_config((ROOT / "deploy/prometheus/prometheus.yml.in").read_text(encoding="utf-8"), targets=targets)


FILES: dict[str, Callable[[], str]] = {
    "deploy/grafana/hotline-now.json": lambda: drawn(NOW),
    "deploy/grafana/hotline-staffing.json": lambda: drawn(STAFFING),
    "deploy/prometheus/prometheus.yml": lambda: _scrape_file(DEFAULT_TARGETS),
    "deploy/prometheus/processes.yml": lambda: _scrape_file(PROCESSES),
    "docs/metrics.md": metrics_page,
}
"""Path below the repository -> what makes its text."""


def main() -> None:
    """Write every generated file."""
    for path, make in FILES.items():
        (ROOT / path).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
