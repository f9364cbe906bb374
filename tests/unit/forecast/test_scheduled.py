"""Who is scheduled in each interval, by rosters."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from forecast.books.scheduled import scheduled

HALF = 1_800.0


@dataclass(frozen=True)
class Stretch:
    begin: float
    end: float
    kind: str = "work"


def everybody(_person: str) -> bool:
    return True


def halves(count: int) -> tuple[list[float], list[float]]:
    return [n * HALF for n in range(count)], [(n + 1) * HALF for n in range(count)]


def test_who_works_counts_and_a_break_does_not() -> None:
    spans = {
        "mei": [Stretch(0, HALF), Stretch(HALF, 2 * HALF, "break"), Stretch(2 * HALF, 4 * HALF)],
        "li": [Stretch(0, 4 * HALF)],
    }
    assert scheduled(spans, everybody, *halves(4)) == {0.0: 2, HALF: 1, 2 * HALF: 2, 3 * HALF: 2}


def test_only_those_who_serve_the_queue_count() -> None:
    spans = {"mei": [Stretch(0, HALF)], "li": [Stretch(0, HALF)]}
    assert scheduled(spans, lambda person: person == "li", *halves(1)) == {0.0: 1}


def test_intervals_that_no_roster_reaches_are_missing_and_not_empty() -> None:
    spans = {"mei": [Stretch(HALF, 2 * HALF)]}
    assert scheduled(spans, everybody, *halves(4)) == {HALF: 1}
    assert scheduled({}, everybody, *halves(4)) == {}
    assert scheduled(spans, lambda _: False, *halves(4)) == {HALF: 0}


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20)), min_size=1, max_size=30))
def test_it_is_the_overlap_of_each_stretch_with_each_interval(drawn: list[tuple[int, int]]) -> None:
    stretches = [Stretch(first * 600.0, (first + length) * 600.0) for first, length in drawn]
    found = scheduled({str(n): [s] for n, s in enumerate(stretches)}, everybody, *halves(24))
    for start, people in found.items():
        overlap = sum(max(min(s.end, start + HALF) - max(s.begin, start), 0.0) for s in stretches)
        assert abs(people - overlap / HALF) <= 0.5 + 1e-6
