"""The gap in staff: when an alarm begins, what it advises, when it ends, and that it does not flap."""

import pytest

from forecast.today.advice import WORDS, Means, advise, words
from forecast.today.gap import CALM_LOOKS, Interval, Rules, Told, Watch, look
from hotline.facts import StaffingGapClosed, StaffingGapOpened
from hotline.ids import QueueId

T0 = 1_700_000_000.0
HALF = 1_800.0
QUEUE = QueueId("service")


def day(*staff: tuple[int, int | None], high: int = 1) -> list[Interval]:
    """Half hours from T0 with (required, expected) agents; `high` more are required if many call."""
    return [
        Interval(start=T0 + n * HALF, end=T0 + (n + 1) * HALF, required=required, high=required + high, expected=there)
        for n, (required, there) in enumerate(staff)
    ]


def seen(
    watch: Watch, intervals: list[Interval], rules: Rules | None = None, *, now: float = T0, means: Means | None = None
) -> tuple[Watch, Told | None]:
    return look(watch, intervals, rules or Rules(), now=now, queue_id=QUEUE, means=means or Means())


def opened(intervals: list[Interval], rules: Rules | None = None, **more: object) -> StaffingGapOpened | None:
    _, told = seen(Watch(), intervals, rules, **more)  # type: ignore[arg-type] # passed on
    assert told is None or isinstance(told, StaffingGapOpened)
    return told


def test_enough_people_are_no_alarm() -> None:
    assert opened(day((10, 10), (10, 11), (12, 12))) is None


def test_people_missing_in_two_intervals_in_a_row_are_an_alarm_that_names_the_worst() -> None:
    alarm = opened(day((10, 10), (12, 10), (14, 10), (10, 10)))
    assert alarm is not None
    assert (alarm.kind, alarm.first, alarm.last) == ("short", T0 + HALF, T0 + 3 * HALF)
    assert (alarm.worst_at, alarm.required, alarm.expected) == (T0 + 2 * HALF, 14, 10)


def test_one_interval_alone_is_none() -> None:
    assert opened(day((12, 10), (10, 10), (12, 10), (10, 10))) is None


def test_one_interval_is_enough_when_no_other_is_left_of_the_day() -> None:
    assert opened(day((12, 10))) is not None


def test_what_lies_beyond_the_time_looked_at_is_none() -> None:
    far = day(*[(10, 10)] * 4, (20, 10), (20, 10))
    assert opened(far) is None
    assert opened(far, Rules(ahead_s=4 * 3_600)) is not None


def test_an_interval_that_is_over_does_not_count() -> None:
    assert opened(day((20, 10), (20, 10), (10, 10), (10, 10)), now=T0 + 2 * HALF) is None


def test_a_share_of_a_large_crowd_must_be_missing() -> None:
    assert opened(day((100, 95), (100, 95))) is None
    assert opened(day((100, 90), (100, 90))) is not None


def test_closed_hours_between_two_intervals_break_the_run() -> None:
    before, after = day((12, 10), (12, 10), (12, 10))[::2]
    assert opened([before, after], Rules()) is None


def test_where_nobody_knows_who_comes_there_is_no_alarm() -> None:
    assert opened(day((10, None), (10, None))) is None


def test_too_many_people_are_told_by_what_many_calls_would_need() -> None:
    assert opened(day((10, 13), (10, 13), high=1)) is None
    alarm = opened(day((10, 14), (10, 15), high=1))
    assert alarm is not None
    assert (alarm.kind, alarm.expected, alarm.advice) == ("over", 15, ("let_go",))


def test_where_people_will_be_missing_nobody_is_told_any_more_that_there_are_too_many() -> None:
    watch, told = seen(Watch(), day((10, 15), (10, 15), (10, 15)))
    assert isinstance(told, StaffingGapOpened)
    turned = day((10, 15), (20, 15), (20, 15))
    watch, told = seen(watch, turned)
    assert isinstance(told, StaffingGapClosed)
    assert (told.kind, watch) == ("over", Watch())
    _, told = seen(watch, turned)
    assert isinstance(told, StaffingGapOpened)
    assert told.kind == "short"


def test_an_alarm_stays_open_at_half_of_what_opened_it_and_closes_after_calm_looks() -> None:
    rules = Rules(agents=4, share=0.0)
    watch, told = seen(Watch(), day((10, 6), (10, 6)), rules)
    assert isinstance(told, StaffingGapOpened)
    for _ in range(20):
        watch, told = seen(watch, day((10, 8), (10, 8)), rules)
        assert told is None
    for _ in range(CALM_LOOKS - 1):
        watch, told = seen(watch, day((10, 9), (10, 9)), rules)
        assert told is None
    watch, told = seen(watch, day((10, 9), (10, 9)), rules, now=T0 + 60)
    assert told == StaffingGapClosed(at=T0 + 60, queue_id=QUEUE, kind="short", opened_at=T0, reason="covered")
    assert watch == Watch()


def test_a_moment_of_calm_does_not_end_an_alarm() -> None:
    watch, _ = seen(Watch(), day((10, 6), (10, 6)))
    for _ in range(10):
        watch, told = seen(watch, day((10, 10), (10, 10)))
        assert told is None
        watch, told = seen(watch, day((10, 6), (10, 6)))
        assert told is None


def test_the_end_of_the_day_ends_it() -> None:
    watch, _ = seen(Watch(), day((10, 6), (10, 6)))
    _, told = seen(watch, [], now=T0 + 9 * 3_600)
    assert isinstance(told, StaffingGapClosed)
    assert told.reason == "day_over"


def test_when_nobody_knows_any_more_it_ends_as_not_known() -> None:
    watch, _ = seen(Watch(), day((10, 6), (10, 6)))
    for _ in range(CALM_LOOKS):
        watch, told = seen(watch, day((10, None), (10, None)))
    assert isinstance(told, StaffingGapClosed)
    assert told.reason == "not_known"


@pytest.mark.parametrize(
    ("means", "advice"),
    [
        (Means(), ("open_overflow",)),
        (Means(on_break=2), ("call_back_breaks", "open_overflow")),
        (
            Means(on_break=1, surge_agents=3, callbacks=True),
            ("call_back_breaks", "call_in_surge", "offer_callbacks", "open_overflow"),
        ),
    ],
)
def test_only_what_can_be_done_is_advised_the_least_costly_first(means: Means, advice: tuple[str, ...]) -> None:
    assert advise("short", means) == advice


def test_every_advice_has_words_in_both_languages() -> None:
    for advice in WORDS:
        assert words(advice, "en").isascii()
        assert not words(advice, "zh").isascii()
