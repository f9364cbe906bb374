"""The list of metrics itself: names of KPI.md, bucket edges on thresholds, closed labels."""

import pytest

from hotline.settings import Settings
from hotline.settings.queues import Queue
from metrics.board import thresholds_in_use
from metrics.definitions import DEFINITIONS, EDGES, Scale, by_name, edges

# The binding names that the parts of issue 2 feed.
KPI_NAMES = """
hotline_calls_offered_total{queue} hotline_calls_answered_total{queue} hotline_calls_abandoned_total{queue,short}
hotline_calls_flowed_out_total{queue,reason} hotline_calls_answered_in_threshold_total{queue} hotline_offers_total{queue,result}
hotline_ivr_steps_total{flow,version,step,result} hotline_recordings_total{result} hotline_ami_events_total{event}
hotline_ami_poison_total{} hotline_ami_resyncs_total{reason} hotline_identity_violations_total{queue}
hotline_audit_findings_total{kind} hotline_limits_reached_total{limit}
hotline_answer_wait_seconds{queue} hotline_abandon_wait_seconds{queue} hotline_ring_seconds{queue} hotline_talk_seconds{queue}
hotline_wrapup_seconds{queue} hotline_offer_latency_seconds{} hotline_screen_pop_seconds{} hotline_journal_lag_seconds{}
hotline_connect_rate{queue,formula,window} hotline_queue_waiting{queue} hotline_queue_longest_wait_seconds{queue}
hotline_agents{queue,state} hotline_occupancy_ratio{queue} hotline_ivr_active{} hotline_calls_active{state} hotline_ami_up{node}
hotline_ami_event_lag_seconds{node} hotline_bus_up{} hotline_database_up{} hotline_spool_facts{} hotline_spool_oldest_seconds{}
hotline_router_active{} hotline_event_loop_lag_seconds{}
"""


def test_names_and_labels_are_those_of_the_kpi_page() -> None:
    ours = {f"{m.full_name}{{{','.join(x.name for x in m.labels)}}}" for m in DEFINITIONS}
    assert set(KPI_NAMES.split()) - ours == set()


def test_no_name_stands_twice() -> None:
    assert len(by_name()) == len({m.full_name for m in DEFINITIONS}) == len(DEFINITIONS)


def test_every_metric_is_explained_and_every_label_bounded() -> None:
    assert [m.name for m in DEFINITIONS if len(m.help) < 10 or not m.help.endswith(".")] == []
    assert [x.name for m in DEFINITIONS for x in m.labels if not (x.values or x.words or x.name == "queue")] == []
    assert [m.name for m in DEFINITIONS if (m.kind == "histogram") != (m.scale is not None)] == []


@pytest.mark.parametrize("scale", ["wait", "ring", "talk"])
def test_every_threshold_in_use_is_a_bucket_edge(scale: Scale) -> None:
    settings = Settings(
        queues=(Queue(id="a", threshold_s=17, short_abandon_s=3.5), Queue(id="b", ring_timeout_s=22, wrap_up_s=33))
    )
    thresholds = thresholds_in_use(settings)
    assert {17.0, 3.5, 22.0, 33.0, *settings.thresholds_s()} <= set(thresholds)
    assert set(thresholds) - {0.0} <= set(edges(scale, thresholds))


@pytest.mark.parametrize("scale", sorted(EDGES))
def test_edges_ascend_and_a_threshold_of_zero_is_no_edge(scale: Scale) -> None:
    result = edges(scale, (0.0, 30.0, 30.0))
    assert list(result) == sorted(set(result))
    assert result[0] > 0
