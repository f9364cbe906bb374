"""Draws the dashboards for Grafana 11 with the Grafana Foundation SDK (a development dependency).

What is shown is decided in `metrics/panels.py` (*Hotline now*) and `metrics/staffing_panels.py` (*Forecast and staffing*); here is only how it
looks. The results are committed in `deploy/grafana/`; `python -m metrics.generate` renews them.
"""

import itertools
import json
from typing import Any

from metrics.panel_plans import BoardPlan, Look, PanelPlan, Query

DATASOURCE = "${datasource}"


def drawn(plan: BoardPlan) -> str:
    """Return a dashboard as JSON text, the same for every run. Needs the package `grafana-foundation-sdk`."""
    from grafana_foundation_sdk.builders import dashboard as build
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import DashboardCursorSync

    board = (
        build.Dashboard(plan.title)
        .uid(plan.uid)
        .tags(["hotline"])
        .description(plan.description)
        .timezone("browser")
        .time(plan.since, "now")
        .refresh(plan.refresh)
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(build.DatasourceVariable("datasource").label("数据源 / Data source").type("prometheus"))
        .with_variable(_queue_variable())
    )
    ids = itertools.count(1)
    for row in plan.rows:
        board = board.with_row(build.Row(row.title).id(next(ids)))
        for panel in row.panels:
            board = board.with_panel(_panel(panel).id(next(ids)))
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
    look = {"stat": _stat, "graph": _graph, "bars": _bars, "heatmap": _heatmap, "fan": _fan, "table": _table}
    panel = (
        look[plan.look](plan)
        .title(plan.title)
        .unit(plan.unit)
        .datasource(_datasource())
        .span(plan.width)
        .height(plan.height)
    )
    if plan.description:
        panel = panel.description(plan.description)
    for index, query in enumerate(plan.queries):
        panel = panel.with_target(_target(query, chr(ord("A") + index), plan.look))
    return panel


def _target(query: Query, ref_id: str, look: Look) -> Any:
    from grafana_foundation_sdk.builders.prometheus import Dataquery
    from grafana_foundation_sdk.models.prometheus import PromQueryFormat

    shapes = {"heatmap": PromQueryFormat.HEATMAP, "table": PromQueryFormat.TABLE}
    target = Dataquery().expr(query.expr).legend_format(query.legend).ref_id(ref_id)
    target = target.instant() if look == "table" else target.range()
    return target.format(shapes.get(look, PromQueryFormat.TIME_SERIES))


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

    panel = timeseries.Panel().line_width(2).fill_opacity(10)
    if plan.signed:
        return panel
    return panel.min(0).max(1) if plan.unit == "percentunit" else panel.min(0)


def _fan(plan: PanelPlan) -> Any:
    """Lines, of which two are the ends of a range that is filled."""
    from grafana_foundation_sdk.builders import timeseries
    from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

    assert plan.band is not None
    low, high = plan.band
    thin = DynamicConfigValue(id_val="custom.lineWidth", value=0)
    filled = [DynamicConfigValue(id_val="custom.fillBelowTo", value=low), thin]
    panel = timeseries.Panel().line_width(2).fill_opacity(0).min(0)
    return panel.override_by_name(low, [thin]).override_by_name(high, filled)


def _table(_plan: PanelPlan) -> Any:
    from grafana_foundation_sdk.builders import table
    from grafana_foundation_sdk.models.dashboard import DataTransformerConfig

    hidden = {"Time": True, "Value": True}
    return table.Panel().with_transformation(
        DataTransformerConfig(
            id_val="organize", options={"excludeByName": hidden, "indexByName": {}, "renameByName": {}}
        )
    )


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
