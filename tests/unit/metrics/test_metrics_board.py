"""Labels stay bounded whatever the world says; wrong names of ours are loud."""

import math

import pytest

from hotline.errors import Misuse
from hotline.settings import Settings
from metrics.board import SERIES_LIMIT, Board, Histogram, Vocabulary, see
from metrics.definitions import by_name


def board() -> Board:
    return Board(Settings())


@pytest.mark.parametrize(
    "value", ["", "other queue", "x" * 300, 'a"} 1\nb', "+8613800138000", "服务", "SERVICE", "\x00"]
)
def test_an_unknown_queue_is_other(value: str) -> None:
    b = board()
    b.apply(see("calls_offered", queue=value))
    assert b.count_of("calls_offered", queue="other") == 1
    assert set(b.counts(by_name()["calls_offered"])) == {("service",), ("other",)}


@pytest.mark.parametrize(
    "step",
    [
        "4111111111111111",
        "call-123456",
        "0b2c4d6e-1111-4222-8333-944455556666",
        "a b",
        "",
        "名",
        "x" * 60,
        "-rf",
        "${IFS}",
    ],
)
def test_a_step_that_looks_like_a_number_an_id_or_no_name_is_other(step: str) -> None:
    assert Vocabulary([]).bound(
        by_name()["ivr_steps"], {"flow": "main", "version": "1", "step": step, "result": "played"}
    ) == (*("main", "1", "other", "played"),)


@pytest.mark.parametrize(
    ("version", "shown"),
    [("3f2012345678", "3f2012345678"), ("1", "1"), ("008613800138", "other"), ("3F2012345678", "other")],
)
def test_a_version_may_be_a_content_hash_but_no_number(version: str, shown: str) -> None:
    labels = {"flow": "main", "version": version, "step": "menu", "result": "played"}
    assert Vocabulary([]).bound(by_name()["ivr_steps"], labels)[1] == shown


def test_digits_beyond_one_key_are_never_a_label() -> None:
    labels = {"flow": "main", "version": "1", "step": "card", "result": "digit:4111"}
    assert Vocabulary([]).bound(by_name()["ivr_steps"], labels)[-1] == "other"
    assert Vocabulary([]).bound(by_name()["ivr_steps"], {**labels, "result": "digit:4"})[-1] == "digit:4"


def test_words_beyond_the_limit_become_other_and_known_ones_stay() -> None:
    vocabulary, metric = Vocabulary([]), by_name()["limits_reached"]
    seen = {vocabulary.bound(metric, {"limit": f"limit_{chr(97 + i % 26)}{i}"}) for i in range(1000)}
    assert len(seen) == metric.labels[0].words + 1
    assert ("other",) in seen
    assert vocabulary.bound(metric, {"limit": "limit_a0"}) == ("limit_a0",)


def test_series_of_one_metric_are_limited_and_the_rest_is_counted_as_other() -> None:
    b = board()
    for i in range(30 * 30):
        for step in range(5):
            b.apply(see("ivr_steps", flow=f"f{i % 30}", version=f"v{i // 30}", step=f"s{step}", result="played"))
    series = b.counts(by_name()["ivr_steps"])
    assert len(series) <= SERIES_LIMIT + 1
    assert sum(series.values()) == 30 * 30 * 5
    assert b.overflowed == series["other", "other", "other", "other"] > 0


def test_a_missing_label_is_other() -> None:
    b = board()
    b.apply(see("calls_offered"))
    assert b.count_of("calls_offered", queue="other") == 1


@pytest.mark.parametrize(
    "observation", [see("nonsense"), see("queue_waiting", 3), see("calls_offered", caller="13800138000")]
)
def test_a_name_or_label_that_is_not_defined_is_a_bug_of_ours(observation: object) -> None:
    with pytest.raises(Misuse):
        board().apply(observation)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_impossible_values_are_ignored(value: float) -> None:
    b = board()
    b.apply(see("talk_seconds", value, queue="service"))
    b.apply(see("calls_offered", value, queue="service"))
    assert b.count_of("talk_seconds", queue="service") == b.count_of("calls_offered", queue="service") == 0


def test_known_series_exist_before_their_first_event() -> None:
    offers = board().counts(by_name()["offers"])
    assert len(offers) == 7
    assert set(offers.values()) == {0.0}


def test_a_bucket_holds_values_up_to_and_with_its_edge() -> None:
    histogram = Histogram((1.0, 2.5, 30.0))
    for value in (0.0, 1.0, 1.1, 30.0, 30.1):
        histogram.observe(value)
    assert histogram.cumulative() == [("1.0", 2.0), ("2.5", 3.0), ("30.0", 4.0), ("+Inf", 5.0)]
    assert histogram.total == pytest.approx(62.2)
