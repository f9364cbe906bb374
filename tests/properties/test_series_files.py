"""Whatever a file holds, it becomes counts or one Misuse; and what was written is read back."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.series.counts import Counts
from forecast.series.export import lines_of
from forecast.series.files import read_counts
from forecast.series.live import LiveSeries
from forecast.series.unusual import unusual, whole_days, without
from hotline.errors import Misuse
from hotline.facts import CallQueued

CELLS = st.one_of(
    st.sampled_from(
        [
            "ts", "calls", "时间", "来电量", "queue", "合计", "", "NA", "-", "1", "0", "12,5", "1,234", "-3", "1e400", "nan", "inf",
            "2026-03-02", "2026-03-02 08:30", "2026-03-02 09:00:00", "3/4/2026", "08:30", "8:30 PM", "24:00", "201101", "1772415000",
            "2026-13-45", "9999-12-31", "0001-01-01 00:00", "2026-03-02T08:30:00+99:99", "2026-02-30", "99999999999999999999", "'", '"',
        ]
    ),
    st.text(max_size=12),
)  # fmt: skip


def read(data: bytes, **more: str) -> Counts | None:
    """Return the counts of a file, or None when it is refused."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "calls.csv"
        path.write_bytes(data)
        try:
            return read_counts(path, **more)  # type: ignore[arg-type]
        except Misuse:
            return None


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(CELLS, max_size=4), max_size=8),
    st.sampled_from(",;\t"),
    st.sampled_from(["UTC", "Europe/Berlin"]),
)
def test_any_table_is_read_or_refused(rows: list[list[str]], separator: str, zone: str) -> None:
    text = "\n".join(separator.join(row) for row in rows)
    counts = read(text.encode("utf-8", "surrogatepass"), zone=zone)
    if counts is not None:
        assert not (counts.values < 0).any()
        without(counts, unusual(counts))
        whole_days(counts)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1f\x8b\x08", b"ts,calls\n"]))
def test_any_bytes_are_read_or_refused(data: bytes, begin: bytes) -> None:
    read(begin + data)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 9), st.integers(2, 6), st.sampled_from([5, 15, 30, 60]), st.data())
def test_what_is_exported_is_read_back(days: int, slots: int, step_min: int, data: st.DataObject) -> None:
    numbers = st.one_of(st.integers(0, 10_000).map(float), st.just(float("nan")))
    values = np.array(
        data.draw(st.lists(st.lists(numbers, min_size=slots, max_size=slots), min_size=days, max_size=days))
    )
    values[0, :] = range(slots)  # the hours are those of the first day
    counts = Counts(
        unit="slot",
        periods=np.datetime64("2024-02-26") + np.arange(days),
        values=values,
        starts_min=tuple(range(480, 480 + slots * step_min, step_min)),
        step_min=step_min,
    )
    again = read("\n".join(lines_of(counts)).encode())
    assert again is not None
    assert (again.starts_min, again.step_min) == (counts.starts_min, step_min)
    np.testing.assert_array_equal(again.periods, counts.periods)
    np.testing.assert_array_equal(again.values, counts.values)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3_000)), max_size=40), st.randoms(use_true_random=False))
def test_callers_told_in_any_order_and_twice_are_counted_once(callers: list[tuple[int, int]], luck: object) -> None:
    facts = [
        CallQueued(at=float(at), call_id=f"c{n}", queue_id="sales", entered_at=float(at))  # type: ignore[arg-type]
        for n, at in dict.fromkeys(callers)
    ]
    told = [*facts, *facts[::2]]
    luck.shuffle(told)  # type: ignore[attr-defined]
    live = LiveSeries(["sales"], now=0.0)
    for n, fact in enumerate(told):
        live.advance(n * 100.0)
        live.take(fact, now=max(n * 100.0, fact.at))
    live.advance(90 * 100.0)
    live.advance(90 * 100.0 + 2)
    counted = {c.began_at: c.volumes.offered for c in live.intervals("sales") if c.volumes.offered}
    expected: dict[float, int] = {}
    for _, at in {(n, at) for n, at in callers}:
        expected[at // 300 * 300.0] = expected.get(at // 300 * 300.0, 0) + 1
    assert counted == expected
