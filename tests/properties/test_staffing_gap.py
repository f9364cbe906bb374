"""The alarm of missing people: whatever the forecast and the staff do, it keeps its order and does not flap."""

from hypothesis import given
from hypothesis import strategies as st

from forecast.today.advice import Means
from forecast.today.gap import CALM_LOOKS, Interval, Rules, Watch, look, missing
from hotline.facts import StaffingGapClosed, StaffingGapOpened
from hotline.ids import QueueId

HALF = 1_800.0
LOOK_S = 300.0

people = st.integers(0, 40)
slots = st.lists(st.tuples(people, st.integers(0, 5), st.one_of(st.none(), people)), max_size=10)
rules = st.builds(
    Rules,
    agents=st.integers(1, 6),
    share=st.floats(0, 0.5),
    intervals=st.integers(1, 5),
    ahead_s=st.floats(900, 40_000),
    over_agents=st.integers(1, 8),
)


def intervals(drawn: list[tuple[int, int, int | None]], first: float) -> list[Interval]:
    return [
        Interval(start=first + n * HALF, end=first + (n + 1) * HALF, required=r, high=r + more, expected=there)
        for n, (r, more, there) in enumerate(drawn)
    ]


@given(looks=st.lists(slots, max_size=30), rules=rules)
def test_openings_and_endings_take_turns_and_an_alarm_lasts(
    looks: list[list[tuple[int, int, int | None]]], rules: Rules
) -> None:
    watch, open_since, now = Watch(), None, 0.0
    for number, drawn in enumerate(looks):
        now = number * LOOK_S
        watch, told = look(watch, intervals(drawn, now), rules, now=now, queue_id=QueueId("q"), means=Means(on_break=1))
        if isinstance(told, StaffingGapOpened):
            assert open_since is None
            assert told.advice
            assert now <= told.first <= told.worst_at < told.last
            open_since = number
        elif isinstance(told, StaffingGapClosed):
            assert open_since is not None
            assert told.opened_at == open_since * LOOK_S
            assert told.kind == "over" or told.reason == "day_over" or number - open_since >= CALM_LOOKS
            open_since = None
        assert (watch.kind is None) == (open_since is None)


@given(drawn=slots, rules=rules)
def test_it_only_opens_for_people_who_are_really_missing_or_too_many(
    drawn: list[tuple[int, int, int | None]], rules: Rules
) -> None:
    day = intervals(drawn, 0.0)
    _, told = look(Watch(), day, rules, now=0.0, queue_id=QueueId("q"), means=Means())
    if isinstance(told, StaffingGapOpened):
        (worst,) = [i for i in day if i.start == told.worst_at]
        lack = missing(worst) if told.kind == "short" else (worst.expected or 0) - worst.high
        assert lack >= (max(rules.agents, rules.share * worst.required) if told.kind == "short" else rules.over_agents)
    else:
        run = longest = 0
        for i in day:
            short = missing(i) > 0 and missing(i) >= max(rules.agents, rules.share * i.required)
            run = run + 1 if short and i.start < rules.ahead_s else 0
            longest = max(longest, run)
        assert longest < max(rules.intervals, 1)


@given(
    required=st.integers(10, 40), wobble=st.lists(st.integers(-1, 1), min_size=5, max_size=60), agents=st.integers(4, 8)
)
def test_a_forecast_that_moves_to_and_fro_by_one_agent_changes_nothing(
    required: int, wobble: list[int], agents: int
) -> None:
    rules, watch, told = Rules(agents=agents, share=0.0, over_agents=50), Watch(), []
    for number, by in enumerate(wobble):
        day = intervals([(required + by, 2, required - agents)] * 4, number * LOOK_S)
        watch, news = look(watch, day, rules, now=number * LOOK_S, queue_id=QueueId("q"), means=Means())
        told += [news] if news is not None else []
    assert len(told) <= 1
