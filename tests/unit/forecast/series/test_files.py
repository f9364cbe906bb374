"""Files as they are become counts, or one clear error."""

import gzip
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from forecast.series.counts import Counts
from forecast.series.files import ROWS, read_calls, read_counts
from hotline.errors import Misuse


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / "calls.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return write


def half_hours(days: int = 14, first: str = "2026-03-02", value=lambda day, slot: 10 * slot + day) -> list[str]:
    begin = date.fromisoformat(first)
    return [
        f"{begin + timedelta(days=d)} {8 + s // 2:02d}:{30 * (s % 2):02d}:00,{value(d, s)}"
        for d in range(days)
        for s in range(1, 9)
    ]


def file_of(rows: list[str], header: str = "ts,calls") -> str:
    return "\n".join([header, *rows]) + "\n"


def days_of(counts: Counts) -> list[str]:
    return [str(day) for day in counts.periods]


# --- shapes ----------------------------------------------------------------------------------------------------------------


def test_half_hours_become_days_and_slots(written) -> None:
    counts = read_counts(written(file_of(half_hours())), queue="sales", zone="Asia/Shanghai")
    assert (counts.unit, counts.values.shape, counts.step_min) == ("slot", (14, 8), 30)
    assert counts.starts_min == tuple(range(510, 750, 30))
    assert counts.values[3].tolist() == [10 * s + 3 for s in range(1, 9)]
    assert (counts.queue, counts.zone) == ("sales", "Asia/Shanghai")


def test_days_and_months_are_told_by_their_dates(written) -> None:
    assert read_counts(written("date,total\n2026-01-01,5\n2026-01-02,6\n")).unit == "day"
    months = read_counts(written("month,calls\n2026-01-01,5\n2026-02-01,6\n2026-05-01,7\n"))
    assert months.unit == "month"
    assert days_of(months) == ["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01"]
    np.testing.assert_array_equal(months.values[:, 0], [5, 6, np.nan, np.nan, 7])


def test_a_table_with_a_column_for_each_time_of_day_is_read(written) -> None:
    counts = read_counts(written("日期,08:30,09:00,09:30\n2026/3/2,1,2,3\n2026/3/3,4,,6\n"))
    np.testing.assert_array_equal(counts.values, [[1, 2, 3], [4, np.nan, 6]])
    assert counts.starts_min == (510, 540, 570)


def test_a_day_and_a_time_of_day_may_stand_apart_and_the_day_only_once(written) -> None:
    counts = read_counts(
        written("日期,时段,来电量\n2026-03-02,08:30-09:00,7\n,09:00-09:30,8\n2026-03-03,08:30-09:00,9\n")
    )
    np.testing.assert_array_equal(counts.values, [[7, 8], [9, np.nan]])


def test_a_row_for_each_call_is_counted(written) -> None:
    rows = ["2026-03-02 09:01:17,13800138000", "2026-03-02 09:29:59,13900139000", "2026-03-04 23:59:59,", "合计,3"]
    counts = read_counts(written(file_of(rows, "来电时间,主叫号码")))
    assert days_of(counts) == ["2026-03-02", "2026-03-04"]
    assert counts.values.shape == (2, 48)
    assert (counts.values[0, 18], counts.values[1, 47], counts.values.sum()) == (2, 1, 3)


def test_a_list_of_calls_gives_waits_handling_times_and_who_gave_up(written) -> None:
    rows = [
        "1,260302,9:00:00,10,AGENT,120",
        "2,260302,9:00:05,55,HANG,0",
        "3,260302,9:00:09,70,PHANTOM,0",
        "4,260302,8:59:00,0,AGENT,60",
    ]
    calls = read_calls(written(file_of(rows, "call_id,date,vru_entry,q_time,outcome,ser_time")))
    assert [str(at) for at in calls.entered] == ["2026-03-02T08:59:00", "2026-03-02T09:00:00", "2026-03-02T09:00:05"]
    np.testing.assert_array_equal(calls.wait_s, [0, 10, 55])
    np.testing.assert_array_equal(calls.handled_s, [60, 120, np.nan])
    assert calls.abandoned.tolist() == [False, False, True]


def test_gzip_is_unpacked(written) -> None:
    assert read_counts(written(gzip.compress(file_of(half_hours()).encode()))).values.shape == (14, 8)


# --- how it is written --------------------------------------------------------------------------------------------------------

CHINESE = "时间\t来电量\n2026年3月2日 8时30分\t1,234\n2026年3月2日 9时\t５６\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_encodings_are_found_out(written, encoding: str) -> None:
    assert read_counts(written(CHINESE, encoding)).values.tolist() == [[1234, 56]]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_found_out(written, separator: str) -> None:
    text = file_of(half_hours()).replace(",", separator)
    assert read_counts(written(text)).values.shape == (14, 8)


@pytest.mark.parametrize(
    "rows",
    [
        ["2026/3/2 8:30", "2026/3/2 9:00"],
        ["2026-03-02T08:30:00", "2026-03-02T09:00:00"],
        ["20260302 0830", "20260302 0900"],
        ["202603020830", "202603020900"],
        ["02.03.2026 08:30", "02.03.2026 09:00"],
        ["3/2/2026 8:30 AM", "3/2/2026 9:00 AM", "3/13/2026 9:00 AM"],
        ["2-Mar-2026 08:30", "2-Mar-2026 09:00"],
        ["Mar 2, 2026 08:30", "Mar 2, 2026 09:00"],
        ["2026年3月2日 上午8:30", "2026年3月2日 上午9点"],
        ["2026-03-02 08:30-09:00", "2026-03-02 09:00-09:30"],
        ["2026-03-02(周一) 08:30", "2026-03-02(周一) 09:00"],
    ],
)
def test_times_are_read_as_people_write_them(written, rows: list[str]) -> None:
    counts = read_counts(written(file_of([f'"{row}",{n}' for n, row in enumerate(rows, start=1)])))
    assert days_of(counts)[0] == "2026-03-02"
    assert counts.starts_min == (510, 540)
    assert counts.values[0].tolist() == [1, 2]


@pytest.mark.parametrize(
    "rows", [["201101", "201102"], ["2011-01", "2011-02"], ["2011年1月", "2011年2月"], ["Jan 2011", "Feb 2011"]]
)
def test_months_are_read_as_people_write_them(written, rows: list[str]) -> None:
    counts = read_counts(written(file_of([f"{row},{n}" for n, row in enumerate(rows)])))
    assert (counts.unit, days_of(counts)) == ("month", ["2011-01-01", "2011-02-01"])


def test_six_digits_are_days_when_they_cannot_all_be_months(written) -> None:
    assert days_of(read_counts(written(file_of(["200110,1", "200131,2"])))) == ["2020-01-10", "2020-01-31"]


def test_titles_sums_comments_and_blank_lines_are_passed_over(written) -> None:
    rows = [*half_hours(2), "", "# nothing", "合计,999"]
    text = "来电统计报表,\n\n" + file_of(rows)
    assert read_counts(written(text)).values.shape == (2, 8)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_they_like(written, end: str) -> None:
    assert read_counts(written(file_of(half_hours()).replace("\n", end))).values.shape == (14, 8)


def test_a_file_without_header_is_read(written) -> None:
    assert read_counts(written("\n".join(half_hours()))).values.shape == (14, 8)


def test_the_column_of_counts_is_found_by_name_or_because_it_is_the_only_one(written) -> None:
    rows = ["2026-03-02,a,7,100", "2026-03-03,b,8,200"]
    assert read_counts(written(file_of(rows, "day,shift,来电量(个),cost"))).values[:, 0].tolist() == [7, 8]
    assert read_counts(written(file_of(["2026-03-02,7", "2026-03-03,8"], "day,whatever"))).values.sum() == 15


def test_two_columns_that_may_be_meant_are_an_error_that_names_them(written) -> None:
    path = written("month,exports,imports\n2026-01-01,1,2\n2026-02-01,3,4\n")
    with pytest.raises(Misuse, match=r"`exports`, `imports`.*name one"):
        read_counts(path)
    assert read_counts(path, count_column="imports").values[:, 0].tolist() == [2, 4]
    with pytest.raises(Misuse, match="no column `gold`"):
        read_counts(path, count_column="gold")


def test_the_rows_of_one_queue_are_chosen(written) -> None:
    rows = [f"{row},{queue}" for row in half_hours(2) for queue in ("Sales", "service")]
    path = written(file_of(rows, "ts,calls,queue"))
    assert read_counts(path, queue="sales").values.shape == (2, 8)
    with pytest.raises(Misuse, match="has the queues `Sales`, `service`; name one"):
        read_counts(path)
    with pytest.raises(Misuse, match="`gold` is none of them"):
        read_counts(path, queue="gold")


# --- what is wrong with it ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("ts,calls\n", "no row under it"),
        ("ts,calls\n2026-03-02 08:30,abc\n2026-03-02 09:00,x\n2026-03-02 09:30,1\n", "`abc` is no number"),
        ("ts,calls\n2026-03-02 08:30,1\n2026-03-02 09:00,-3\n", "line 3: -3 calls in an interval cannot be"),
        ("ts,calls\n2026-03-02 08:30,1\n2026-02-30 09:00,3\n", "line 3: `2026-02-30` is no time; accepted are"),
        ("ts,calls\n2026-03-02 08:30,1\n,3\n", "line 3: the time is missing"),
        ("ts,calls\n2026-03-02 08:30,1\n2026-03-02 08:30,3\n", "lines 2, 3: 2026-03-02 08:30 has more than one number"),
        ("ts,calls\n3/4/2026,1\n5/6/2026,3\n", "`3/4/2026` may be a day of two months"),
        ("ts,calls\n2026-03-02 08:30:10,1\n2026-03-02 09:00:10,3\n", "line 2: .*does not begin on a full minute.*`rows`"),
        ("ts,calls\n2026-03-02 08:30,1\n", "no day has two rows"),
        ("ts,calls\n2026-03-02T08:30:00Z,1\n2026-03-02 09:00:00,2\n", "line 3: some times have an offset"),
        ("name,town\nLi,Wuhan\nWu,Beijing\n", "no column of `name`, `town` holds the number of calls"),
        (b"\x00\x01\x02\xff\xfe\x81", "no text in UTF-8"),
        (b"\x1f\x8b\x08broken", "cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_error_with_its_line(written, text: str | bytes, says: str) -> None:
    path = written(text)
    with pytest.raises(Misuse, match=says) as caught:
        read_counts(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="cannot be read"):
        read_counts(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        ("text.MAX_ROWS", "line 11: more than 10 rows"),
        ("text.MAX_BYTES", "the file has more than"),
        ("text.MAX_COLUMNS", "at most 1 are read"),
        ("grid.MAX_CELLS", "are more than 10 numbers"),
    ],
)
def test_limits_are_told(written, monkeypatch: pytest.MonkeyPatch, limit: str, says: str) -> None:
    monkeypatch.setattr(f"forecast.series.{limit}", 1 if limit.endswith("COLUMNS") else 10)
    with pytest.raises(Misuse, match=says):
        read_counts(written(file_of(half_hours())))


def test_a_row_off_the_grid_is_named(written) -> None:
    rows = half_hours(20)
    rows[7] = rows[7].replace("12:00:00", "12:03:00")
    with pytest.raises(Misuse, match="line 9: 2026-03-02 12:03 begins no interval of 30 minutes"):
        read_counts(written(file_of(rows)))


# --- odd but sensible ------------------------------------------------------------------------------------------------------------


def test_shuffled_rows_are_put_in_order(written) -> None:
    rows = half_hours()
    mixed = [rows[n] for n in np.random.default_rng(5).permutation(len(rows))]
    expected = read_counts(written(file_of(rows)))
    np.testing.assert_array_equal(read_counts(written(file_of(mixed))).values, expected.values)


def test_rows_that_stand_twice_count_once(written) -> None:
    rows = half_hours()
    np.testing.assert_array_equal(
        read_counts(written(file_of(rows + rows[:50]))).values, read_counts(written(file_of(rows))).values
    )


def test_a_gap_is_not_known_and_a_missing_week_is_no_period(written) -> None:
    rows = half_hours(21)
    kept = [row for n, row in enumerate(rows) if n != 5 and not 56 <= n < 112]
    counts = read_counts(written(file_of(kept)))
    assert len(counts.periods) == 14
    assert np.isnan(counts.values[0, 5])
    assert np.isnan(counts.values).sum() == 1


def test_empty_cells_are_not_known_and_zeros_are_zeros(written) -> None:
    counts = read_counts(
        written(
            "ts,calls\n2026-03-02 08:30,0\n2026-03-02 09:00,\n2026-03-02 09:30,NA\n2026-03-03 08:30,5\n2026-03-03 09:00,5\n2026-03-03 09:30,5\n"
        )
    )
    np.testing.assert_array_equal(counts.values, [[0, np.nan, np.nan], [5, 5, 5]])


def test_a_file_with_nothing_but_unknown_keeps_its_shape(written) -> None:
    counts = read_counts(written(file_of(half_hours(3, value=lambda *_: ""))))
    assert counts.values.shape == (3, 8)
    assert np.isnan(counts.values).all()


def test_zeros_that_were_left_out_are_zeros(written) -> None:
    rng = np.random.default_rng(3)
    drawn = rng.poisson(1.0, (28, 9))
    rows = [row for row in half_hours(28, value=lambda d, s: drawn[d, s]) if not row.endswith(",0")]
    counts = read_counts(written(file_of(rows)))
    assert counts.values.sum() == drawn[:, 1:].sum()
    assert not np.isnan(counts.values).any()


def test_two_rows_are_a_series(written) -> None:
    counts = read_counts(written("ts,calls\n2026-03-02 08:30,1\n2026-03-02 09:00,2\n"))
    assert (counts.values.shape, counts.step_min) == ((1, 2), 30)


def test_ten_years_are_read(written) -> None:
    first = np.datetime64("2015-01-01T00:00")
    times = (first + np.arange(3653 * 48) * np.timedelta64(30, "m")).astype(str)
    counts = read_counts(written(file_of([f"{t},{n % 97}" for n, t in enumerate(times)])))
    assert counts.values.shape == (3653, 48)
    assert "2024-02-29" in days_of(counts)


# --- hours and steps ---------------------------------------------------------------------------------------------------------------


def test_hours_are_cut_out_and_steps_summed(written) -> None:
    path = written(file_of(half_hours(value=lambda d, s: s)))
    assert read_counts(path, slots="09:00-11:00").starts_min == (540, 570, 600, 630)
    hourly = read_counts(path, step_min=60)
    assert hourly.starts_min == (540, 600, 660)  # 08:30 and 12:00 are halves of hours
    assert hourly.values[0].tolist() == [2 + 3, 4 + 5, 6 + 7]
    shifted = read_counts(path, slots="08:30-12:30", step_min=60)
    assert shifted.starts_min == (510, 570, 630, 690)
    assert read_counts(path, step_min=1440).values[:, 0].tolist() == [36] * 14


def test_a_sum_with_an_unknown_part_is_not_known(written) -> None:
    rows = half_hours(2)
    del rows[1]
    hourly = read_counts(written(file_of(rows)), step_min=60)
    assert np.isnan(hourly.values[0, 0])
    assert not np.isnan(hourly.values[1, 0])


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"step_min": 15}, "intervals of 30 minutes; a step of 15"),
        ({"step_min": 45}, "a step of 45 is no multiple"),
        ({"slots": "20:00-22:00"}, "nothing between 20:00 and 22:00"),
        ({"slots": "noon"}, "no interval like"),
        ({"zone": "Mars/Olympus"}, "is no time zone"),
    ],
)
def test_what_cannot_be_asked_is_refused(written, asked: dict[str, object], says: str) -> None:
    with pytest.raises(Misuse, match=says):
        read_counts(written(file_of(half_hours())), **asked)


# --- clocks ---------------------------------------------------------------------------------------------------------------------------


def whole_days(first: str, days: int, value: int = 10) -> list[str]:
    begin = datetime.fromisoformat(first)
    return [f"{begin + timedelta(minutes=30 * n)},{value}" for n in range(48 * days)]


def test_an_hour_that_the_clock_leaves_out_is_not_known(written) -> None:
    counts = read_counts(written(file_of(whole_days("2026-03-28", 3))), zone="Europe/Berlin")
    assert np.flatnonzero(np.isnan(counts.values[1])).tolist() == [4, 5]
    assert np.isnan(counts.values).sum() == 2


def test_a_doubled_hour_counts_with_its_mean(written) -> None:
    rows = whole_days("2026-10-25", 1)
    rows[6:6] = ["2026-10-25 02:00:00,30", "2026-10-25 02:30:00,40"]
    counts = read_counts(written(file_of(rows)), zone="Europe/Berlin")
    assert counts.values[0, 3:7].tolist() == [10, 20, 25, 10]


def test_times_of_utc_are_taken_to_the_zone_and_both_passes_to_their_mean(written) -> None:
    begin = datetime.fromisoformat("2026-10-24T22:00:00")
    rows = [f"{(begin + timedelta(minutes=30 * n)).isoformat()}Z,{n}" for n in range(50)]
    counts = read_counts(written(file_of(rows)), zone="Europe/Berlin")
    assert (days_of(counts), counts.values.shape) == (["2026-10-25"], (1, 48))
    assert counts.values[0, 3:7].tolist() == [3, 5, 6, 8]  # 02:00 is number 4 and 6


def test_offsets_are_understood(written) -> None:
    rows = ["2026-03-02T08:30:00+08:00,1", "2026-03-02T01:00:00Z,2", "1772415000,3"]
    counts = read_counts(written(file_of(rows[:2])), zone="Asia/Shanghai")
    assert counts.starts_min == (510, 540)
    since_1970 = read_counts(written(file_of([rows[2], "1772416800,4"])), zone="Asia/Shanghai")
    assert (since_1970.starts_min, days_of(since_1970)) == ((570, 600), ["2026-03-02"])


def test_calls_of_a_doubled_hour_are_no_double_load(written) -> None:
    begin = datetime.fromisoformat("2026-10-24T22:00:00")
    rows = [f"{(begin + timedelta(minutes=n)).isoformat()}Z" for n in range(25 * 60)]
    counts = read_counts(written(file_of(rows, "ts")), zone="Europe/Berlin", count_column=ROWS)
    assert counts.values.tolist() == [[30.0] * 48]
