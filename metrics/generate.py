"""Renews the files that are made from code: `python -m metrics.generate`. Needs the development dependencies."""

from collections.abc import Callable
from pathlib import Path

from metrics.dashboards import hotline_now
from metrics.documentation import metrics_page
from metrics.scrape import scrape_config

ROOT = Path(__file__).resolve().parent.parent


def _scrape_file() -> str:
    return scrape_config((ROOT / "deploy/prometheus/prometheus.yml.in").read_text(encoding="utf-8"))


FILES: dict[str, Callable[[], str]] = {
    "deploy/grafana/hotline-now.json": hotline_now,
    "deploy/prometheus/prometheus.yml": _scrape_file,
    "docs/metrics.md": metrics_page,
}
"""Path below the repository -> what makes its text."""


def main() -> None:
    """Write every generated file."""
    for path, make in FILES.items():
        (ROOT / path).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
