"""How a dashboard is written down before it is drawn: boards, rows, panels and their queries as data. Pure."""

from typing import Literal

import msgspec

Look = Literal["stat", "graph", "bars", "heatmap", "fan", "table"]
"""`fan`: a graph with a range; `table`: what is true now, a line for each series."""
Q = '{queue=~"$queue"}'


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One query of a panel."""

    expr: str
    legend: str
    """Grafana's legend template."""


class PanelPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One panel."""

    title: str
    look: Look
    unit: str
    """Grafana's name of the unit."""
    queries: tuple[Query, ...]
    description: str = ""
    width: int = 8
    height: int = 8
    good_above: float | None = None
    """Stat panels: values below are red."""
    bad_above: float | None = None
    """Stat panels: values above are red."""
    signed: bool = False
    """Graphs: whether values may lie below zero."""
    band: tuple[str, str] | None = None
    """Fans: the legends of the lower and the upper end of the range."""


class RowPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A row of panels under a heading."""

    title: str
    panels: tuple[PanelPlan, ...]


class BoardPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard."""

    uid: str
    title: str
    description: str
    since: str
    """How far back it looks at first, as Grafana writes it."""
    refresh: str
    rows: tuple[RowPlan, ...]


def query(expr: str, legend: str) -> Query:
    """Return a query with its legend."""
    return Query(expr=expr, legend=legend)


def increase(metric: str, selector: str = Q, by: str = "") -> str:
    """Return by how much a counter rose in five minutes."""
    return f"sum {f'by ({by}) ' if by else ''}(increase({metric}{selector}[5m]))"
