"""What a scrape sees: the fold and the tally together, each name once, bad names counted."""

from collections.abc import Callable
from functools import partial

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hotline.facts import LinkChanged
from hotline.ids import AgentId, NodeId, QueueId
from hotline.runtime.clock import ManualClock
from hotline.settings import Settings
from hotline.settings.queues import Queue
from hotline.tally import Tally
from metrics import service as service_module
from metrics.definitions import DEFINITIONS
from metrics.exporter import undefined
from metrics.service import MetricsService, ProcessMetrics
from tests.support.stories import agent_day, story, traffic


class House:
    """A metrics service with a clock set by hand."""

    def __init__(
        self,
        settings: Settings | None = None,
        make: Callable[[Settings, Tally, ManualClock], MetricsService | ProcessMetrics] = MetricsService,
    ) -> None:
        self.clock, self.tally = ManualClock(), Tally()
        self.service = make(settings or Settings(), self.tally, self.clock)

    def scrape(self) -> dict[str, float]:
        """Return series -> value, written as `name{label=value,…}`."""
        body, content_type = self.service.exposition()
        assert content_type == "text/plain; version=0.0.4; charset=utf-8"
        samples = [s for f in text_string_to_metric_families(body.decode()) for s in f.samples]
        series = {f"{s.name}{{{','.join(f'{k}={v}' for k, v in sorted(s.labels.items()))}}}": s.value for s in samples}
        assert len(series) == len(samples), "a series stands twice"
        return series


def test_what_parts_tell_appears_under_its_prometheus_name() -> None:
    house = House()
    house.tally.count("ami_events", 3, event="Newchannel")
    house.tally.count("ami_poison")
    house.tally.level("spool_facts", 12)
    house.tally.observe("offer_latency_seconds", 0.02)
    house.tally.limit_reached("waiting")
    series = house.scrape()
    assert series["hotline_ami_events_total{event=Newchannel}"] == 3
    assert series["hotline_ami_poison_total{}"] == 1
    assert series["hotline_spool_facts{}"] == 12
    assert series["hotline_offer_latency_seconds_count{}"] == 1
    assert series["hotline_offer_latency_seconds_bucket{le=0.01}"] == 0
    assert series["hotline_offer_latency_seconds_bucket{le=0.025}"] == 1
    assert series["hotline_limits_reached_total{limit=waiting}"] == 1
    assert series["hotline_metrics_undefined{}"] == 0


def test_counters_of_the_tally_are_not_added_up_at_each_scrape_and_observations_are_taken_once() -> None:
    house = House()
    house.tally.count("ami_poison")
    house.tally.observe("journal_lag_seconds", 1.0)
    house.scrape()
    series = house.scrape()
    assert series["hotline_ami_poison_total{}"] == 1
    assert series["hotline_journal_lag_seconds_count{}"] == 1
    assert list(house.tally.observations.values()) == [[]]


def test_probes_run_before_each_scrape_and_a_broken_one_is_counted_and_hides_nothing() -> None:
    house = House()
    house.tally.probe(lambda: house.tally.level("database_up", 1))
    house.tally.probe(lambda: 1 / 0)  # type: ignore[arg-type]
    series = house.scrape()
    assert series["hotline_database_up{}"] == 1
    assert series["hotline_service_errors_total{service=metrics}"] == 1


@pytest.mark.parametrize(
    ("tell", "told"),
    [
        (lambda t: t.count("nonsense"), "counter nonsense{}"),
        (lambda t: t.level("ami_events", 1, event="Hangup"), "gauge ami_events{event}"),
        (lambda t: t.observe("spool_facts", 1), "histogram spool_facts{}"),
        (lambda t: t.count("ami_events"), "counter ami_events{}"),
        (lambda t: t.count("ami_poison", caller="1"), "counter ami_poison{caller}"),
        (lambda t: t.count("calls_offered", queue="service"), "counter calls_offered{queue}"),
        (lambda t: t.level("build_info", 1, version="1", python="3"), "gauge build_info{version,python}"),
    ],
)
def test_a_name_without_a_fitting_definition_is_listed_counted_and_not_exported(tell: object, told: str) -> None:
    house = House()
    before = house.scrape()
    tell(house.tally)  # type: ignore[operator]
    assert [u.replace("python,version", "version,python") for u in undefined(house.tally)] == [told]
    after = house.scrape()
    assert after["hotline_metrics_undefined{}"] == 1
    ours = {k for k in after if k.startswith("hotline_")}
    assert ours == {k for k in before if k.startswith("hotline_")}
    assert after["hotline_calls_offered_total{queue=service}"] == 0


def test_the_owners_word_on_a_gauge_wins_over_the_fold() -> None:
    house = House()
    house.tally.level("queue_waiting", 7, queue="service")
    house.tally.level("calls_active", 2, state="talking")
    series = house.scrape()
    assert series["hotline_queue_waiting{queue=service}"] == 7
    assert [k for k in series if k.startswith("hotline_calls_active")] == ["hotline_calls_active{state=talking}"]


def test_in_one_process_of_several_only_the_fold_knows_the_gauges_of_all() -> None:
    house = House(make=partial(MetricsService, whole=False))
    house.tally.level("calls_active", 2, state="talking")
    house.tally.level("router_active", 1)
    series = house.scrape()
    assert series["hotline_calls_active{state=talking}"] == 0
    assert series["hotline_calls_active{state=session}"] == 0
    assert series["hotline_router_active{}"] == 1


def test_a_process_that_folds_nothing_exports_what_its_parts_tell_and_itself_and_no_calls() -> None:
    house = House(make=ProcessMetrics)
    house.tally.level("router_active", 1)
    house.tally.level("queue_waiting", 7, queue="service")
    house.tally.count("ami_poison", 2)
    house.tally.observe("offer_latency_seconds", 0.02)
    series = house.scrape()
    assert series["hotline_router_active{}"] == 1
    assert series["hotline_ami_poison_total{}"] == 2
    assert series["hotline_offer_latency_seconds_count{}"] == 1
    assert series["hotline_metrics_undefined{}"] == 0
    assert series["process_resident_memory_bytes{}"] > 0
    folded = {m.full_name for m in DEFINITIONS if m.source == "facts"}
    assert [s for s in series if s.partition("{")[0] in folded] == []


async def test_a_process_that_folds_nothing_notes_how_late_its_timer_is_and_keeps_no_observations() -> None:
    house = House(make=ProcessMetrics)
    house.tally.observe("journal_lag_seconds", 1.0)
    await house.service.wake(house.service.next_deadline() + 0.3)
    assert house.scrape()["hotline_event_loop_lag_seconds{}"] == pytest.approx(0.3)
    house.tally.observe("journal_lag_seconds", 1.0)
    await house.service.wake(house.clock.now() + service_module.DRAIN_S)
    assert list(house.tally.observations.values()) == [[]]


async def test_facts_move_the_series() -> None:
    house = House()
    now = house.clock.now()
    for fact in [
        *story(1, end=now),
        LinkChanged(at=now, node=NodeId("node1"), up=True),
        *agent_day(AgentId("1001"), now),
    ]:
        await house.service.handle(fact, now)
    series = house.scrape()
    assert series["hotline_calls_answered_total{queue=service}"] == 1
    assert series["hotline_answer_wait_seconds_bucket{le=5.0,queue=service}"] == 1
    assert series["hotline_connect_rate{formula=B,queue=service,window=5m}"] == 1
    assert series["hotline_ami_up{node=node1}"] == 1
    assert series["hotline_agents{queue=service,state=ready}"] == 1
    assert series["hotline_facts_total{fact=CallQueued}"] == 1


async def test_the_whole_exposition_stays_small_under_many_calls_and_strange_labels() -> None:
    house = House(Settings(queues=tuple(Queue(id=f"q{i}") for i in range(10))))
    now = house.clock.now()
    calls = traffic()
    for number, ending in (next(calls) for _ in range(2000)):
        for fact in story(number, end=now, ending=ending, queue=QueueId(f"queue-{number}")):
            await house.service.handle(fact, now)
        house.tally.count("ami_events", event=f"Event{number}")
        house.tally.count("limits_reached", limit=f"limit{number}")
        house.tally.level("ami_up", 1, node=f"node{number}")
    series = house.scrape()
    assert len(series) < 2500
    text = " ".join(series)
    assert "queue-" not in text
    assert "call-" not in text
    assert series["hotline_ami_events_total{event=other}"] == 2000 - 60


async def test_the_timer_shows_its_worst_lateness_for_a_while() -> None:
    house = House()
    deadline = house.service.next_deadline()
    await house.service.wake(deadline + 0.3)
    assert house.scrape()["hotline_event_loop_lag_seconds{}"] == pytest.approx(0.3)
    for _ in range(service_module.LAG_TICKS):
        await house.service.wake(house.service.next_deadline())
    assert house.scrape()["hotline_event_loop_lag_seconds{}"] == 0


async def test_broken_books_are_noticed_within_a_minute_or_so() -> None:
    house = House()
    now = house.clock.now()
    for fact in story(1, end=now, ending="abandoned")[:-1]:
        await house.service.handle(fact, now)
    await house.service.wake(now + 1)
    assert house.scrape()["hotline_identity_violations_total{queue=service}"] == 0
    await house.service.wake(now + 61)
    assert house.scrape()["hotline_identity_violations_total{queue=service}"] == 1


async def test_observations_are_taken_even_if_nobody_scrapes() -> None:
    house = House()
    house.tally.observe("journal_lag_seconds", 1.0)
    await house.service.wake(house.clock.now() + service_module.DRAIN_S)
    assert list(house.tally.observations.values()) == [[]]
    assert house.scrape()["hotline_journal_lag_seconds_count{}"] == 1


def test_process_and_build_are_exported() -> None:
    series = House().scrape()
    assert series["process_resident_memory_bytes{}"] > 0
    assert any(k.startswith("hotline_build_info{python=3.") for k in series)


def test_two_services_in_one_process_do_not_disturb_each_other() -> None:
    first, second = House(), House()
    first.tally.count("ami_poison")
    assert first.scrape()["hotline_ami_poison_total{}"] == 1
    assert second.scrape()["hotline_ami_poison_total{}"] == 0
