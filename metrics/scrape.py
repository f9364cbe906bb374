"""Fills in the Prometheus configuration of `deploy/prometheus/prometheus.yml.in`. Pure."""

import re
from collections.abc import Sequence
from string import Template

from hotline.errors import Misuse

DEFAULT_TARGETS = ("127.0.0.1:8080",)
DEFAULT_INTERVAL_S = 5
_TARGET = re.compile(r"[A-Za-z0-9.-]{1,253}:[0-9]{1,5}|\[[0-9A-Fa-f:]{2,45}\]:[0-9]{1,5}")


def scrape_config(
    template: str,
    *,
    targets: Sequence[str] = DEFAULT_TARGETS,
    interval_s: int = DEFAULT_INTERVAL_S,
    rules: str = "rules/*.yml",
) -> str:
    """Return the configuration for hotlines at `targets` (`host:port`), scraped every `interval_s` seconds.

    `rules` is a path pattern, relative to the configuration file. Raises Misuse for a target that is not `host:port`.
    """
    for target in targets:
        if _TARGET.fullmatch(target) is None:
            raise Misuse(f"prometheus: {target!r} is not host:port")
    quoted = ", ".join(f'"{t}"' for t in targets)
    return Template(template).substitute(targets=quoted, interval=f"{interval_s}s", rules=f'"{rules}"')
