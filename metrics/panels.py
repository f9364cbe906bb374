"""What the dashboard *Hotline now* shows: panels and their queries as data. Pure.

How they look in Grafana is decided in `metrics/dashboards.py`. Titles are Chinese / English. `$queue` is a variable of the
dashboard, `$__rate_interval` is filled in by Grafana.
"""

from hotline.kpi import DEFAULT_FORMULA, FORMULAS
from metrics.panel_plans import BoardPlan, PanelPlan, Q, RowPlan, increase, query


def _quantile(q: float, metric: str, selector: str = "") -> str:
    return f"histogram_quantile({q}, sum by (le) (rate({metric}_bucket{selector}[$__rate_interval])))"


_FORMULA = f"公式 Formula {DEFAULT_FORMULA}: {FORMULAS[DEFAULT_FORMULA].text}"
_RATE_NOTE = (
    f"{_FORMULA}. T: queue setting threshold_s (default 30 s). Owner = arrival: a caller counts for the moment of entering the "
    "queue. Empty without traffic. Other formulas: label `formula` of hotline_connect_rate, see docs/metrics.md."
)

_LIVE = RowPlan(
    title="此刻 / Now",
    panels=(
        PanelPlan(
            title=f"接通率 / Connect rate, 30 min ({_FORMULA})",
            look="stat",
            unit="percentunit",
            width=8,
            height=6,
            good_above=0.8,
            description=_RATE_NOTE,
            queries=(
                query(f'hotline_connect_rate{{queue=~"$queue",formula="{DEFAULT_FORMULA}",window="30m"}}', "{{queue}}"),
            ),
        ),
        PanelPlan(
            title="排队人数 / Waiting",
            look="stat",
            unit="none",
            width=4,
            height=6,
            queries=(query(f"sum by (queue) (hotline_queue_waiting{Q})", "{{queue}}"),),
        ),
        PanelPlan(
            title="最长等待 / Longest wait",
            look="stat",
            unit="s",
            width=4,
            height=6,
            bad_above=120,
            queries=(query(f"max by (queue) (hotline_queue_longest_wait_seconds{Q})", "{{queue}}"),),
        ),
        PanelPlan(
            title="菜单中 / In the IVR",
            look="stat",
            unit="none",
            width=4,
            height=6,
            queries=(query("sum(hotline_ivr_active)", "IVR"),),
        ),
        PanelPlan(
            title="AMI 连接 / AMI up",
            look="stat",
            unit="bool_on_off",
            width=4,
            height=6,
            good_above=1,
            queries=(query("min by (node) (hotline_ami_up)", "{{node}}"),),
        ),
    ),
)

_CALLS = RowPlan(
    title="呼叫 / Calls",
    panels=(
        PanelPlan(
            title=f"接通率走势 / Connect rate over time ({_FORMULA})",
            look="graph",
            unit="percentunit",
            description=_RATE_NOTE,
            queries=(
                query(
                    f'hotline_connect_rate{{queue=~"$queue",formula="{DEFAULT_FORMULA}",window="5m"}}',
                    "{{queue}} 5 min",
                ),
                query(
                    f'hotline_connect_rate{{queue=~"$queue",formula="{DEFAULT_FORMULA}",window="today"}}',
                    "{{queue}} 今日 today",
                ),
            ),
        ),
        PanelPlan(
            title="每 5 分钟：进线、接听、放弃 / Per 5 min: offered, answered, abandoned",
            look="graph",
            unit="none",
            queries=(
                query(increase("hotline_calls_offered_total"), "进线 offered"),
                query(increase("hotline_calls_answered_total"), "接听 answered"),
                query(increase("hotline_calls_abandoned_total"), "放弃 abandoned"),
                query(increase("hotline_calls_flowed_out_total"), "流出 flowed out"),
            ),
        ),
        PanelPlan(
            title="排队与等待 / Waiting and longest wait",
            look="graph",
            unit="none",
            queries=(
                query(f"sum by (queue) (hotline_queue_waiting{Q})", "{{queue}} 人数 waiting"),
                query(f"max by (queue) (hotline_queue_longest_wait_seconds{Q})", "{{queue}} 最长 longest, s"),
            ),
        ),
        PanelPlan(
            title="应答等待分位 / Answer wait quantiles",
            look="graph",
            unit="s",
            queries=(
                query(_quantile(0.5, "hotline_answer_wait_seconds", Q), "p50"),
                query(_quantile(0.95, "hotline_answer_wait_seconds", Q), "p95"),
                query(_quantile(0.99, "hotline_answer_wait_seconds", Q), "p99"),
            ),
        ),
        PanelPlan(
            title="应答等待热图 / Answer wait heatmap",
            look="heatmap",
            unit="s",
            queries=(
                query(f"sum by (le) (increase(hotline_answer_wait_seconds_bucket{Q}[$__rate_interval]))", "{{le}}"),
            ),
        ),
        PanelPlan(
            title="进行中的呼叫 / Active calls",
            look="bars",
            unit="none",
            queries=(query("sum by (state) (hotline_calls_active)", "{{state}}"),),
        ),
    ),
)

_CALLBACKS = RowPlan(
    title="回拨 / Callbacks",
    panels=(
        PanelPlan(
            title="等待回拨 / Waiting to be called back",
            look="graph",
            unit="none",
            queries=(query(f"sum by (queue) (hotline_callbacks_waiting{Q})", "{{queue}}"),),
        ),
        PanelPlan(
            title="回拨结果（每 5 分钟）/ Callbacks by result, per 5 min",
            look="bars",
            unit="none",
            queries=(query(increase("hotline_callbacks_total", by="result"), "{{result}}"),),
        ),
        PanelPlan(
            title="客户接听后等待坐席 / Customers who answered, waiting for an agent",
            look="graph",
            unit="s",
            description="With the agent first nobody waits. Where the customer is first: the mean, and how many hung up meanwhile (no seconds).",
            queries=(
                query(
                    f"{increase('hotline_callback_answer_wait_seconds_total')} / {increase('hotline_callback_wait_seconds_count')}",
                    "平均 mean",
                ),
                query(increase("hotline_callbacks_hung_up_total"), "挂断 hung up"),
            ),
        ),
    ),
)

_AGENTS = RowPlan(
    title="坐席 / Agents",
    panels=(
        PanelPlan(
            title="坐席状态 / Agents by state",
            look="bars",
            unit="none",
            description="An agent of several queues counts in each; choose one queue to count heads.",
            queries=(query(f"sum by (state) (hotline_agents{Q})", "{{state}}"),),
        ),
        PanelPlan(
            title="派单结果（每 5 分钟）/ Offers by result, per 5 min",
            look="bars",
            unit="none",
            queries=(query(increase("hotline_offers_total", by="result"), "{{result}}"),),
        ),
        PanelPlan(
            title="派单延迟 / Offer latency p50, p99",
            look="graph",
            unit="s",
            description="Agent and caller both there, to the ring command sent.",
            queries=(
                query(_quantile(0.5, "hotline_offer_latency_seconds"), "p50"),
                query(_quantile(0.99, "hotline_offer_latency_seconds"), "p99"),
            ),
        ),
        PanelPlan(
            title="通话、振铃、话后（平均）/ Talk, ring, wrap-up (mean)",
            look="graph",
            unit="s",
            queries=tuple(
                query(
                    f"sum(rate(hotline_{m}_seconds_sum{Q}[5m])) / sum(rate(hotline_{m}_seconds_count{Q}[5m]))", legend
                )
                for m, legend in (("talk", "通话 talk"), ("ring", "振铃 ring"), ("wrapup", "话后 wrap-up"))
            ),
        ),
        PanelPlan(
            title="占用率（30 分钟）/ Occupancy, 30 min",
            look="graph",
            unit="percentunit",
            description="(talk + hold + wrap-up) / (talk + hold + wrap-up + ready idle)",
            queries=(query(f"hotline_occupancy_ratio{Q}", "{{queue}}"),),
        ),
        PanelPlan(
            title="录音（每 5 分钟）/ Recordings, per 5 min",
            look="bars",
            unit="none",
            queries=(query(increase("hotline_recordings_total", "", by="result"), "{{result}}"),),
        ),
    ),
)

_HOUSE = RowPlan(
    title="系统 / The house",
    panels=(
        PanelPlan(
            title="AMI 事件与延迟 / AMI events and lag",
            look="graph",
            unit="none",
            queries=(
                query("sum(rate(hotline_ami_events_total[$__rate_interval]))", "每秒事件 events per second"),
                query("max by (node) (hotline_ami_event_lag_seconds)", "{{node}} 延迟 lag, s"),
            ),
        ),
        PanelPlan(
            title="日志延迟与积压 / Journal lag and spool",
            look="graph",
            unit="s",
            queries=(
                query(_quantile(0.5, "hotline_journal_lag_seconds"), "p50"),
                query(_quantile(0.99, "hotline_journal_lag_seconds"), "p99"),
                query("sum(hotline_spool_facts)", "积压 spool, facts"),
            ),
        ),
        PanelPlan(
            title="事件循环与处理器 / Event loop lag, processor",
            look="graph",
            unit="s",
            queries=(
                query("max(hotline_event_loop_lag_seconds)", "循环延迟 loop lag"),
                query('sum(rate(process_cpu_seconds_total{job="hotline"}[$__rate_interval]))', "处理器 processor, s/s"),
            ),
        ),
        PanelPlan(
            title="限额、错误、账目 / Limits, errors, identity",
            look="bars",
            unit="none",
            description="Should stay at zero: limits reached, records that failed, queue identity violations, per hour.",
            queries=(
                query("sum(increase(hotline_limits_reached_total[1h])) or vector(0)", "限额 limits"),
                query("sum(increase(hotline_service_errors_total[1h])) or vector(0)", "错误 errors"),
                query("sum(increase(hotline_identity_violations_total[1h]))", "账目 identity"),
            ),
        ),
    ),
)

_TODAY = '{queue=~"$queue",horizon="today",quantile="%s"}'
_FORECAST = RowPlan(
    title="预测与人力 / Forecast and staff",
    panels=(
        PanelPlan(
            title="预测与实际（每时段）/ Expected and offered, per interval",
            look="graph",
            unit="none",
            description="What the forecast of today expects of the present interval, with its 80 % range, and who came in the last 30 minutes.",
            queries=(
                query(f"sum(hotline_forecast_calls{_TODAY % 'mean'})", "预测 expected"),
                query(f"sum(hotline_forecast_calls{_TODAY % '0.1'})", "10 %"),
                query(f"sum(hotline_forecast_calls{_TODAY % '0.9'})", "90 %"),
                query(f"sum(increase(hotline_calls_offered_total{Q}[30m]))", "进线 offered, 30 min"),
            ),
        ),
        PanelPlan(
            title="需要与在岗坐席 / Required and present",
            look="graph",
            unit="none",
            queries=(
                query(f"sum by (queue) (hotline_staff_required{Q})", "{{queue}} 需要 required"),
                query(f"sum by (queue) (hotline_staff_present{Q})", "{{queue}} 在岗 present"),
                query(f"max by (queue, kind) (hotline_staff_gap{Q})", "{{queue}} 警报 alarm {{kind}}"),
            ),
        ),
        PanelPlan(
            title="预测误差 WAPE（28 天）/ Forecast error WAPE, 28 days",
            look="graph",
            unit="percentunit",
            description="sum |said - came| / sum came, of forecasts that were said so far ahead: hours for today, days, months.",
            queries=(
                query(
                    f"max by (queue, horizon, lead) (hotline_forecast_wape_ratio{Q})",
                    "{{queue}} {{horizon}} 提前 ahead {{lead}}",
                ),
            ),
        ),
    ),
)

NOW = BoardPlan(
    uid="hotline-now",
    title="热线实况 / Hotline now",
    description="呼叫中心实况。Live view of the call centre; the numbers of record come from PostgreSQL.",
    since="now-1h",
    refresh="10s",
    rows=(_LIVE, _CALLS, _CALLBACKS, _FORECAST, _AGENTS, _HOUSE),
)
