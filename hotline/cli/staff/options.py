"""What the options of `hotline staff` mean: targets, work, and what may be otherwise. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hotline.errors import Misuse

if TYPE_CHECKING:
    from forecast.staffing.rules import Rules
    from forecast.staffing.whatif import Variant

_TARGET = re.compile(r"([0-9.]+)\s*%?\s*/\s*([0-9.]+)\s*s?")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the command line says of targets and work; None: nothing, and the settings count."""

    target: str | None = None
    asa: float | None = None
    abandon: str | None = None
    occupancy: str | None = None
    aht: float | None = None
    cv: float | None = None
    patience: float | None = None
    shrinkage: str | None = None
    least: int | None = None

    def applied(self, rules: "Rules") -> "Rules":
        """Return the rules with what was said here. Raises Misuse."""
        work = replace(rules.work, **_said(handling_s=self.aht, handling_cv=self.cv))
        if self.patience is not None:
            work = replace(work, patience_s=self.patience or float("inf"))
        asked: dict[str, Any] = _said(
            wait_s=self.asa, abandoned=share("--abandon", self.abandon), occupancy=share("--occupancy", self.occupancy)
        )
        if self.target is not None:
            asked["share"], asked["threshold_s"] = service_level("--target", self.target)
        elif asked:
            asked["share"] = None  # another target instead of the usual one
        said = _said(shrinkage=share("--shrinkage", self.shrinkage), least_agents=self.least)
        return replace(rules, work=work, targets=replace(rules.targets, **asked), **said)


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """What may be otherwise; each by itself, and all of it together."""

    volumes: str | None = None
    handling: float | None = None
    absent: int | None = None
    other: str | None = None

    def variants(self) -> "Iterator[Variant]":
        """Return a variant for each option, and one for all of them where there are several. Raises Misuse."""
        from forecast.staffing.whatif import Variant

        changes: dict[str, dict[str, Any]] = {}
        if self.volumes is not None:
            times = factor(self.volumes)
            changes[f"calls x{times:g}"] = {"volumes": times}
        if self.handling is not None:
            changes[f"handling {self.handling:+g} s"] = {"handling_s": self.handling}
        if self.absent is not None:
            changes[f"{self.absent} absent"] = {"absent": self.absent}
        if self.other is not None:
            level, threshold = service_level("--other-target", self.other)
            changes[self.other] = {"targets": {"share": level, "threshold_s": threshold}}
        for name, change in changes.items():
            yield Variant(name=name, **change)
        if len(changes) > 1:
            yield Variant(
                name="all of it", **{key: value for change in changes.values() for key, value in change.items()}
            )


# --- how they are written -----------------------------------------------------------------------------------------------


def service_level(option: str, text: str) -> tuple[float, float]:
    """Return share and seconds of `80/30`. Raises Misuse."""
    match = _TARGET.fullmatch(text.strip())
    level = None if match is None else share(option, match[1])
    if match is None or level is None:
        raise Misuse(f"{option} is written as 80/30 (80 % within 30 seconds), not {text}")
    return level, number(option, match[2])


def share(option: str, text: str | None) -> float | None:
    """Return the share of `30%`, `30` or `0.3`. Raises Misuse."""
    if text is None:
        return None
    value = number(option, text.strip().removesuffix("%"))
    return value / 100 if "%" in text or value >= 1 else value


def factor(text: str) -> float:
    """Return 1.2 for `1.2`, `+20%` and `120%`. Raises Misuse."""
    value = number("--volumes", text.strip().removesuffix("%"))
    if "%" not in text:
        return value
    return 1 + value / 100 if text.strip()[0] in "+-" else value / 100


def number(option: str, text: str) -> float:
    """Return a finite number. Raises Misuse."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if value - value != 0:
        raise Misuse(f"{option} needs a number, not {text}")
    return value


def _said(**options: Any) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value is not None}
