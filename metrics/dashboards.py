"""Draws the dashboard *Hotline now* for Grafana 11 with the Grafana Foundation SDK (a development dependency).

What is shown is decided in `metrics/panels.py`; here is only how it looks. The result is committed as
`deploy/grafana/hotline-now.json`; `python -m metrics.generate` renews it.
"""

import itertools
import json
from typing import Any

from metrics.panels import ROWS, PanelPlan, Query

UID = "hotline-now"
TITLE = "热线实况 / Hotline now"
DATASOURCE = "${datasource}"
REFRESH = "10s"


def hotline_now() -> str:
    """Return the dashboard as JSON text, the same for every run. Needs the package `grafana-foundation-sdk`."""
    from grafana_foundation_sdk.builders import dashboard as build
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import DashboardCursorSync

    board = (
        build.Dashboard(TITLE)
        .uid(UID)
        .tags(["hotline"])
        .description("呼叫中心实况。Live view of the call centre; the numbers of record come from PostgreSQL.")
        .timezone("browser")
        .time("now-1h", "now")
        .refresh(REFRESH)
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(build.DatasourceVariable("datasource").label("数据源 / Data source").type("prometheus"))
        .with_variable(_queue_variable())
    )
    ids = itertools.count(1)
    for row in ROWS:
        board = board.with_row(build.Row(row.title).id(next(ids)))
        for plan in row.panels:
            board = board.with_panel(_panel(plan).id(next(ids)))
    text = json.dumps(board.build(), cls=JSONEncoder, ensure_ascii=False, indent=2, sort_keys=True)
    return text + "\n"


def _queue_variable() -> Any:
    from grafana_foundation_sdk.builders import dashboard as build
    from grafana_foundation_sdk.models.dashboard import VariableOption, VariableRefresh, VariableSort

    return (
        build.QueryVariable("queue")
        .label("队列 / Queue")
        .datasource(_datasource())
        .query("label_values(hotline_calls_offered_total, queue)")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(VariableOption(text="All", value="$__all", selected=True))
    )


def _panel(plan: PanelPlan) -> Any:
    look = {"stat": _stat, "graph": _graph, "bars": _bars, "heatmap": _heatmap}[plan.look]
    panel = look(plan).title(plan.title).unit(plan.unit).datasource(_datasource()).span(plan.width).height(plan.height)
    if plan.description:
        panel = panel.description(plan.description)
    for index, query in enumerate(plan.queries):
        panel = panel.with_target(_target(query, chr(ord("A") + index), heatmap=plan.look == "heatmap"))
    return panel


def _target(query: Query, ref_id: str, *, heatmap: bool) -> Any:
    from grafana_foundation_sdk.builders.prometheus import Dataquery
    from grafana_foundation_sdk.models.prometheus import PromQueryFormat

    shape = PromQueryFormat.HEATMAP if heatmap else PromQueryFormat.TIME_SERIES
    return Dataquery().expr(query.expr).legend_format(query.legend).ref_id(ref_id).range().format(shape)


def _datasource() -> Any:
    from grafana_foundation_sdk.models.dashboard import DataSourceRef

    return DataSourceRef(type_val="prometheus", uid=DATASOURCE)


def _stat(plan: PanelPlan) -> Any:
    from grafana_foundation_sdk.builders import common, stat
    from grafana_foundation_sdk.builders import dashboard as build
    from grafana_foundation_sdk.models.common import BigValueColorMode
    from grafana_foundation_sdk.models.dashboard import Threshold, ThresholdsMode

    panel = stat.Panel().color_mode(BigValueColorMode.VALUE)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    steps = [Threshold(value=None, color="text")]
    if plan.good_above is not None:
        steps = [Threshold(value=None, color="red"), Threshold(value=plan.good_above, color="green")]
    if plan.bad_above is not None:
        steps = [Threshold(value=None, color="green"), Threshold(value=plan.bad_above, color="red")]
    return panel.thresholds(build.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))


def _graph(plan: PanelPlan) -> Any:
    from grafana_foundation_sdk.builders import timeseries

    panel = timeseries.Panel().line_width(2).fill_opacity(10).min(0)
    return panel.max(1) if plan.unit == "percentunit" else panel


def _bars(_plan: PanelPlan) -> Any:
    from grafana_foundation_sdk.builders import common, timeseries
    from grafana_foundation_sdk.models.common import GraphDrawStyle, StackingMode

    stacking = common.StackingConfig().mode(StackingMode.NORMAL)
    return timeseries.Panel().draw_style(GraphDrawStyle.BARS).fill_opacity(60).stacking(stacking).min(0)


def _heatmap(_plan: PanelPlan) -> Any:
    from grafana_foundation_sdk.builders import heatmap
    from grafana_foundation_sdk.models.heatmap import HeatmapColorMode

    colours = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").steps(64)
    return heatmap.Panel().calculate(False).color(colours).y_axis(heatmap.YAxisConfig().unit("s"))
