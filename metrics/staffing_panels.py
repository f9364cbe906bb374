"""What the dashboard *Forecast and staffing* shows: panels and their queries as data. Pure.

How they look in Grafana is decided in `metrics/dashboards.py`. Titles are Chinese / English. Whoever serves several queues counts for one of them,
so queues may be added up; queues that share agents are also shown as the groups that they are (`hotline_staff_group`).
"""

from metrics.panel_plans import BoardPlan, PanelPlan, Q, Query, RowPlan, query

LOW, HIGH = "10 %", "90 %"
ADVICE = {
    "call_back_breaks": "召回小休坐席 call back breaks",
    "call_in_surge": "启用增援坐席 call in other departments",
    "offer_callbacks": "提供回呼 offer callbacks",
    "open_overflow": "开启溢出转接 open overflow",
    "let_go": "安排提前下班 let people go",
}
"""Each advice as a legend."""


def _of(quantile: str) -> str:
    return f'{{queue=~"$queue",quantile="{quantile}"}}'


def _range(metric: str, expected: str) -> tuple[Query, ...]:
    """Return the queries of an expectation with its range, of the chosen queues together."""
    return (
        query(f"sum({metric}{_of('mean')})", expected),
        query(f"sum({metric}{_of('0.1')})", LOW),
        query(f"sum({metric}{_of('0.9')})", HIGH),
    )


def _by_group(metric: str) -> str:
    """Return a metric of queues, added up by the groups of queues that share agents."""
    return (
        f"sum by (group) (max by (queue, group) (hotline_staff_group{Q}) "
        f"* on (queue) group_left () max by (queue) ({metric}{Q}))"
    )


def _scored(metric: str, more: str = "") -> str:
    return f"max by (queue, horizon, lead{more}) ({metric}{Q})"


_LIVE = RowPlan(
    title="此刻 / Now",
    panels=(
        PanelPlan(
            title="缺人警报 / Alarms: people will be missing",
            look="stat",
            unit="none",
            width=4,
            height=6,
            bad_above=1,
            queries=(query('sum(hotline_staff_gap{queue=~"$queue",kind="short"})', "队列 queues"),),
        ),
        PanelPlan(
            title="今日已来 / Came today",
            look="stat",
            unit="none",
            width=4,
            height=6,
            description="Calls in the intervals of today that are over.",
            queries=(query(f"sum(hotline_forecast_day_came_calls{Q})", "已来 came"),),
        ),
        PanelPlan(
            title="今日预计 / Expected today",
            look="stat",
            unit="none",
            width=4,
            height=6,
            description="Who came until now, and what is expected of the rest of the day.",
            queries=(query(f"sum(hotline_forecast_day_calls{_of('mean')})", "预计 expected"),),
        ),
        PanelPlan(
            title="今日遵时率 / Adherence today",
            look="stat",
            unit="percentunit",
            width=4,
            height=6,
            good_above=0.9,
            queries=(query("max(hotline_adherence_ratio)", "遵时率 adherence"),),
        ),
        PanelPlan(
            title="不在应在之处 / Out of adherence",
            look="stat",
            unit="none",
            width=4,
            height=6,
            bad_above=1,
            description="People who are not where the roster wants them now; hotline roster adherence names them.",
            queries=(query("max(hotline_staff_astray)", "人 people"),),
        ),
        PanelPlan(
            title="有预测的队列 / Queues with a forecast",
            look="stat",
            unit="percentunit",
            width=4,
            height=6,
            good_above=1,
            queries=(query(f"avg(hotline_forecast_ready{Q})", "有预测 ready"),),
        ),
    ),
)

_CALLS = RowPlan(
    title="今日话务 / Calls of today",
    panels=(
        PanelPlan(
            title="预测与实际（上一时段）/ Expected and came, interval that ended last",
            look="fan",
            unit="none",
            width=12,
            band=(LOW, HIGH),
            description="What had been expected of the interval when it began, with its 80 % range, and who came in it. 0 while closed.",
            queries=(
                *_range("hotline_forecast_said_calls", "预测 expected"),
                query(f"sum(hotline_forecast_came_calls{Q})", "实际 came"),
            ),
        ),
        PanelPlan(
            title="今日总量：预计与已来 / All of today: expected and came",
            look="fan",
            unit="none",
            width=12,
            band=(LOW, HIGH),
            description="Who came until now and what is expected of the rest: the range narrows in the course of the day. As if all intervals erred alike.",
            queries=(
                *_range("hotline_forecast_day_calls", "全天预计 whole day"),
                query(f"sum(hotline_forecast_day_came_calls{Q})", "已来 came"),
            ),
        ),
    ),
)

_STAFF = RowPlan(
    title="人力 / Staff",
    panels=(
        PanelPlan(
            title="需要、在岗、排班 / Required, present, scheduled, by queue",
            look="graph",
            unit="none",
            description="Present: logged in and not on a break. Scheduled: by the published rosters. Queues that share agents: their portions.",
            queries=(
                query(f"max by (queue) (hotline_staff_required{Q})", "{{queue}} 需要 required"),
                query(f"max by (queue) (hotline_staff_present{Q})", "{{queue}} 在岗 present"),
                query(f"max by (queue) (hotline_staff_rostered{Q})", "{{queue}} 排班 scheduled"),
            ),
        ),
        PanelPlan(
            title="共享坐席的队列组 / Groups of queues that share agents",
            look="graph",
            unit="none",
            description="The same, added up over queues that share agents. A queue that shares with nobody is a group of its own.",
            queries=(
                query(_by_group("hotline_staff_required"), "{{group}} 需要 required"),
                query(_by_group("hotline_staff_present"), "{{group}} 在岗 present"),
                query(_by_group("hotline_staff_rostered"), "{{group}} 排班 scheduled"),
            ),
        ),
        PanelPlan(
            title="共享的效果 / What sharing is worth",
            look="graph",
            unit="percentunit",
            description="Which part of the saving of one queue for all the shared agents reach, as the router's simulation measured; 0: counted by itself.",
            queries=(query(f"max by (queue) (hotline_staff_pooling_ratio{Q})", "{{queue}}"),),
        ),
        PanelPlan(
            title="此刻缺口 / Missing now",
            look="graph",
            unit="none",
            signed=True,
            description="Required less present, and required less scheduled; below zero: more than are required.",
            queries=(
                query(
                    f"max by (queue) (hotline_staff_required{Q}) - max by (queue) (hotline_staff_present{Q})",
                    "{{queue}} 在岗缺口 of those present",
                ),
                query(
                    f"max by (queue) (hotline_staff_required{Q}) - max by (queue) (hotline_staff_rostered{Q})",
                    "{{queue}} 排班缺口 of those scheduled",
                ),
            ),
        ),
        PanelPlan(
            title="警报：今后数小时的缺口 / Alarms: gap in the next hours",
            look="graph",
            unit="none",
            description="Agents missing (short) or too many (over) in the worst interval, as the open alarm said; 0 without one.",
            queries=(query(f"max by (queue, kind) (hotline_staff_gap_agents{Q})", "{{queue}} {{kind}}"),),
        ),
        PanelPlan(
            title="建议 / Advice raised",
            look="bars",
            unit="none",
            description="What the open alarms advise, by queue.",
            queries=tuple(
                query(
                    f'max by (queue) (hotline_staff_advice{{queue=~"$queue",advice="{advice}"}}) > 0',
                    f"{{{{queue}}}} {words}",
                )
                for advice, words in ADVICE.items()
            ),
        ),
    ),
)

_ADHERENCE = RowPlan(
    title="班表遵时 / Adherence",
    panels=(
        PanelPlan(
            title="应在与实在 / Who should be where, and is",
            look="bars",
            unit="none",
            width=12,
            description="People by what the roster wants of them now and what they do. Names: hotline roster adherence, GET /api/v1/adherence.",
            queries=(
                query(
                    "max by (scheduled, actual) (hotline_staff_places) > 0",
                    "应 should {{scheduled}}, 实 does {{actual}}",
                ),
            ),
        ),
        PanelPlan(
            title="排班在班、不在应在之处 / Scheduled at work, out of adherence",
            look="graph",
            unit="none",
            width=6,
            queries=(
                query("max(hotline_staff_scheduled)", "应在班 scheduled"),
                query("max(hotline_staff_astray)", "不在应在之处 out of adherence"),
            ),
        ),
        PanelPlan(
            title="遵时率 / Adherence",
            look="graph",
            unit="percentunit",
            width=6,
            description="Of today's shifts so far: minutes in the scheduled kind of state / scheduled minutes.",
            queries=(query("max(hotline_adherence_ratio)", "今日 today"),),
        ),
    ),
)

_ACCURACY = RowPlan(
    title="准确度（28 天）/ Accuracy, 28 days",
    panels=(
        PanelPlan(
            title="误差 / Error (WAPE)",
            look="graph",
            unit="percentunit",
            description="sum |said - came| / sum came, of forecasts that were said so far ahead: hours for today, days, months.",
            queries=(query(_scored("hotline_forecast_wape_ratio"), "{{queue}} {{horizon}} 提前 ahead {{lead}}"),),
        ),
        PanelPlan(
            title="偏差 / Bias",
            look="graph",
            unit="percentunit",
            signed=True,
            description="sum (said - came) / sum came: above zero too much was said.",
            queries=(query(_scored("hotline_forecast_bias_ratio"), "{{queue}} {{horizon}} 提前 ahead {{lead}}"),),
        ),
        PanelPlan(
            title="区间覆盖率 / Coverage of the ranges",
            look="graph",
            unit="percentunit",
            description="Share of intervals whose calls lay within the 80 % or 95 % range; it should be near that number.",
            queries=(
                query(
                    _scored("hotline_forecast_coverage_ratio", ", level"),
                    "{{queue}} {{horizon}} 提前 ahead {{lead}}: {{level}}",
                ),
            ),
        ),
    ),
)

_MODELS = RowPlan(
    title="模型 / Models",
    panels=(
        PanelPlan(
            title="在用模型 / Models in use",
            look="table",
            unit="none",
            queries=(query(f"max by (queue, horizon, model) (hotline_forecast_model{Q})", ""),),
        ),
        PanelPlan(
            title="预测的年龄 / Age of the newest forecast",
            look="graph",
            unit="s",
            description="Of today: renewed each interval. The others: each night.",
            queries=(query(f"max by (queue, horizon) (hotline_forecast_age_seconds{Q})", "{{queue}} {{horizon}}"),),
        ),
        PanelPlan(
            title="回退与失败（每小时）/ Fallbacks and failures, per hour",
            look="bars",
            unit="none",
            description="A model that could not serve, by horizon and reason; duties that came to nothing. Should stay at zero.",
            queries=(
                query(
                    "sum by (horizon, reason) (increase(hotline_forecast_fallbacks_total[1h]))",
                    "回退 fallback {{horizon}} {{reason}}",
                ),
                query("sum(increase(hotline_forecast_failures_total[1h])) or vector(0)", "失败 failures"),
            ),
        ),
    ),
)

STAFFING = BoardPlan(
    uid="hotline-staffing",
    title="预测与人力 / Forecast and staffing",
    description="预测、人力需求与班表。Forecast against calls, agents against need, and how good the forecasts are; the numbers of record are in PostgreSQL.",
    since="now-12h",
    refresh="30s",
    rows=(_LIVE, _CALLS, _STAFF, _ADHERENCE, _ACCURACY, _MODELS),
)
