"""Fills in the Prometheus configuration of `deploy/prometheus/prometheus.yml.in`. Pure."""

import re
from collections.abc import Mapping, Sequence
from string import Template

from hotline.errors import Misuse

DEFAULT_TARGETS = ("127.0.0.1:8080",)
PROCESSES = {
    "node1": "192.0.2.11:8080",
    "node2": "192.0.2.12:8080",
    "acd1": "192.0.2.13:8081",
    "acd2": "192.0.2.14:8081",
    "crm1": "192.0.2.13:8080",
}
"""The processes of the example in `docs/processes.md`, and where each gives out its numbers."""
DEFAULT_INTERVAL_S = 5
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_TARGET = re.compile(r"[A-Za-z0-9.-]{1,253}:[0-9]{1,5}|\[[0-9A-Fa-f:]{2,45}\]:[0-9]{1,5}")


def scrape_config(
    template: str,
    *,
    targets: Sequence[str] | Mapping[str, str] = DEFAULT_TARGETS,
    interval_s: int = DEFAULT_INTERVAL_S,
    rules: str = "rules/*.yml",
) -> str:
    """Return the configuration for hotlines at `targets` (`host:port`), scraped every `interval_s` seconds.

    With names (process -> `host:port`) each target carries its name as the label `process`. `rules` is a path pattern, relative
    to the configuration file. Raises Misuse for a target that is not `host:port`, or a name that cannot be a label's value.
    """
    if isinstance(targets, Mapping):
        entries = [
            f"{_entry([target])}\n        labels: {{process: {_name(name)}}}" for name, target in targets.items()
        ]
    else:
        entries = [_entry(targets)]
    return Template(template).substitute(targets="\n".join(entries), interval=f"{interval_s}s", rules=f'"{rules}"')


def _entry(targets: Sequence[str]) -> str:
    for target in targets:
        if _TARGET.fullmatch(target) is None:
            raise Misuse(f"prometheus: {target!r} is not host:port")
    quoted = ", ".join(f'"{t}"' for t in targets)
    return f"      - targets: [{quoted}]"


def _name(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise Misuse(f"prometheus: {name!r} is no name of a process")
    return f'"{name}"'
