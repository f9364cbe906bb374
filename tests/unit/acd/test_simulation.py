"""The engine and what is made for it and of it: days with few callers, whose course can be followed."""

import zlib
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any

import pytest

from acd.core.agents.roster import Profile
from acd.simulation import files, plot, png
from acd.simulation.arrivals import as_counted, intervals_of, poisson
from acd.simulation.books import Books
from acd.simulation.day import Day, Duty, Visitor, Worker
from acd.simulation.durations import Duration
from acd.simulation.engine import Engine
from acd.simulation.making import Given, visitors_of
from acd.simulation.run import run
from acd.simulation.scenario import own_policy, policy_of, scenario_of, seconds_of
from acd.simulation.streams import Streams
from acd.simulation.summary import Estimate, estimate, quantile, student, values_of
from hotline.errors import Misuse
from hotline.ids import AgentId, CallId, Extension, QueueId
from hotline.settings.queues import Overflow, Queue


def visitor(call: str, at: float, *, queue: str = "q", talk_s: float = 10, **more: Any) -> Visitor:
    return Visitor(call_id=CallId(call), at=at, queue_id=QueueId(queue), talk_s=talk_s, **more)


def play(*visitors: Visitor, agents: int = 1, queues: tuple[Queue, ...] = (), paces: tuple[float, ...] = (), again: float | None = 0.0,
         duties: tuple[Duty, ...] = (), **queue: Any) -> tuple[Books, tuple[Queue, ...]]:  # fmt: skip
    queues = queues or (Queue(id="q", **{"wrap_up_s": 0, "rest_after_no_answer_s": 0} | queue),)
    workers = tuple(
        Worker(profile=Profile(id=AgentId(f"a{n}"), extension=Extension(str(100 + n))), pace=paces[n] if paces else 1.0)
        for n in range(agents)
    )
    ready = tuple(Duty(at=0, agent_id=w.profile.id, ask="ready") for w in workers)
    day = Day(visitors=visitors, workers=workers, duties=(*ready, *duties))
    engine = Engine(queues, day, begin=0, count_from=0, count_to=1_000, ring_again=lambda _v: again)
    return engine.run(), queues


def ends(books: Books) -> dict[str, tuple[str, float]]:
    return {s.call_id: (s.end, round(s.wait_s, 3)) for s in books.stays}


# --- the engine --------------------------------------------------------------------------------------------------------


def test_callers_are_served_one_after_the_other() -> None:
    books, _ = play(visitor("A", 1), visitor("B", 2), visitor("C", 3))
    assert ends(books) == {"A": ("answered", 0), "B": ("answered", 9), "C": ("answered", 18)}


def test_the_time_that_a_phone_rings_is_waited() -> None:
    books, _ = play(visitor("A", 1, ring_s=4.0))
    assert ends(books) == {"A": ("answered", 4)}


def test_wrap_up_keeps_the_agent_and_ends_with_the_queues_limit() -> None:
    books, _ = play(visitor("A", 0, wrap_up_s=5.0), visitor("B", 1, wrap_up_s=99.0), visitor("C", 2), wrap_up_s=20)
    assert ends(books) == {"A": ("answered", 0), "B": ("answered", 14), "C": ("answered", 43)}
    assert books.handled_s["q"] == 10 + 5 + 10 + 20 + 10


def test_who_loses_patience_leaves_also_while_a_phone_rings() -> None:
    books, _ = play(visitor("A", 0), visitor("B", 1, patience_s=3.0), visitor("C", 20, ring_s=5.0, patience_s=2.0))
    assert ends(books) == {"A": ("answered", 0), "B": ("abandoned", 3), "C": ("abandoned", 2)}


def test_a_phone_that_nobody_answers_rings_out_and_the_caller_keeps_his_place() -> None:
    books, _ = play(visitor("A", 0, ring_s=None), again=1.0, ring_timeout_s=8)
    assert ends(books) == {"A": ("answered", 9)}
    assert (books.offers["q"], books.unanswered["q"]) == (2, 1)


def test_slow_agents_take_longer() -> None:
    books, _ = play(visitor("A", 0), visitor("B", 1), paces=(3.0,))
    assert ends(books)["B"] == ("answered", 29)


def test_a_break_during_a_talk_begins_after_it() -> None:
    books, _ = play(
        visitor("A", 0),
        visitor("B", 5),
        duties=(Duty(at=3, agent_id=AgentId("a0"), ask="not_ready"), Duty(at=60, agent_id=AgentId("a0"), ask="ready")),
    )
    assert ends(books) == {"A": ("answered", 0), "B": ("answered", 55)}


def test_nobody_on_duty_leaves_callers_waiting_and_the_day_ends() -> None:
    books, _ = play(visitor("A", 5), agents=0)
    assert ends(books)["A"][0] == "waiting"


def test_overflow_into_another_queue_keeps_the_time_waited() -> None:
    queues = (
        Queue(
            id="q", wrap_up_s=0, skills={"nobody": 1}, overflow=(Overflow(when="waited", over=10, to="queue:other"),)
        ),
        Queue(id="other", wrap_up_s=0),
    )
    books, queues = play(visitor("A", 0), queues=queues)
    assert [(s.queue_id, s.end, round(s.wait_s)) for s in books.stays] == [
        ("q", "flowed_out", 10),
        ("other", "answered", 10),
    ]
    found = values_of(books, queues)
    assert (found["q"]["flowed_out"], found["other"]["answered"], found["total"]["offered"]) == (1, 1, 1)


def test_ring_all_is_answered_by_the_first_and_frees_the_others() -> None:
    books, _ = play(
        visitor("A", 0, ring_s=None), visitor("B", 3), agents=2, strategy="ring_all", again=1.0, ring_timeout_s=8
    )
    assert ends(books) == {"A": ("answered", 1), "B": ("answered", 0)}


def test_who_is_passed_over_is_counted() -> None:
    """C has priority: he is rung for before B, who came first."""
    books, _ = play(visitor("A", 0), visitor("B", 1), visitor("C", 2, priority=5))
    assert (books.overtakes["q"], ends(books)["B"]) == (1, ("answered", 19))


def test_occupancy_is_work_by_work_and_idle_time() -> None:
    books, queues = play(visitor("A", 0, talk_s=250.0), visitor("B", 500, talk_s=250.0))
    assert values_of(books, queues)["q"]["occupancy"] == pytest.approx(0.5)


# --- what is drawn -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["exponential", "lognormal", "gamma"])
def test_a_duration_has_its_mean_and_its_variation(kind: str) -> None:
    cv = 1.0 if kind == "exponential" else 0.6
    draw = Duration(kind=kind, mean_s=50, cv=cv).drawn_from(Streams(2, 0).of("x"))  # type: ignore[arg-type]
    drawn = [draw() for _ in range(20_000)]
    mean = sum(drawn) / len(drawn)
    assert mean == pytest.approx(50, rel=0.03)
    assert (sum((d - mean) ** 2 for d in drawn) / len(drawn)) ** 0.5 / mean == pytest.approx(cv, rel=0.05)


def test_other_durations_are_what_they_say() -> None:
    stream = Streams(1, 0).of("x")
    assert Duration(kind="fixed", mean_s=3).drawn_from(stream)() == 3
    assert Duration(kind="never").drawn_from(stream)() == inf
    draw = Duration(kind="empirical", values=(4.0, 7.0)).drawn_from(stream)
    assert {draw() for _ in range(50)} == {4.0, 7.0}


def test_arrivals_have_the_rate_and_the_dispersion_that_are_asked_for() -> None:
    def variance_by_mean(dispersion: float) -> float:
        stream = Streams(5, 0).of(f"arrivals {dispersion}")
        hours = intervals_of([60.0] * 2_000, start_s=0, length_s=3_600)
        counts = [0] * 2_000
        for at in poisson(hours, stream, dispersion=dispersion):
            counts[int(at // 3_600)] += 1
        mean = sum(counts) / len(counts)
        assert mean == pytest.approx(60, rel=0.03)
        return sum((n - mean) ** 2 for n in counts) / len(counts) / mean

    assert variance_by_mean(1.0) == pytest.approx(1, abs=0.12)
    assert variance_by_mean(5.0) == pytest.approx(5, rel=0.15)


def test_as_counted_gives_exactly_the_count_of_each_interval() -> None:
    times = list(as_counted(intervals_of([3, 0, 2], start_s=100, length_s=10), Streams(1, 0).of("x")))
    assert times == sorted(times)
    assert [sum(100 + 10 * n <= t < 110 + 10 * n for t in times) for n in range(3)] == [3, 0, 2]


# --- scenarios ------------------------------------------------------------------------------------------------------------

TREE: dict[str, Any] = {
    "opens": "08:00",
    "closes": "12:00",
    "replications": 4,
    "queues": [{"id": "q", "threshold_s": 20}],
    "callers": [
        {
            "queue": "q",
            "rate_per_hour": 60,
            "talk": {"mean_s": 120},
            "patience": {"mean_s": 100},
            "wrap_up": {"mean_s": 10},
        }
    ],
    "staff": [{"count": 3}],
}


def scenario(**changes: Any) -> Any:
    return scenario_of({**TREE, **changes}, "day.toml")


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others() -> None:
    def level(seed: int) -> float:
        read = scenario()
        (result,) = run(read, (own_policy(read),), (Given(),), replications=2, seed=seed)
        found = result.queues["q"]["asa_s"]
        assert found is not None
        return found.mean

    assert level(1) == level(1)
    assert level(1) != level(2)


def test_policies_meet_the_same_callers() -> None:
    read = scenario()
    base = own_policy(read)
    more = policy_of({"name": "one more", "staff": [{"count": 4}]}, "more.toml", base)
    first, second = run(read, (base, more), (Given(),), replications=4, seed=1)
    assert second.against_first is not None
    assert second.against_first["q"]["offered"].mean == 0  # type: ignore[union-attr]
    assert second.against_first["q"]["asa_s"].mean < 0  # type: ignore[union-attr]
    assert first.queues["q"]["abandonment"].mean > second.queues["q"]["abandonment"].mean  # type: ignore[union-attr]


def test_a_change_of_one_purpose_leaves_the_other_numbers_alone() -> None:
    plain = visitors_of(scenario(), (Given(),), Streams(1, 0))
    kind = {**TREE["callers"][0], "patience": {"kind": "never"}}
    patient = visitors_of(scenario(callers=[kind]), (Given(),), Streams(1, 0))
    assert [(v.at, v.talk_s) for v in plain] == [(v.at, v.talk_s) for v in patient]


def test_a_policy_changes_only_what_it_names_of_a_section_within_a_queue() -> None:
    first = policy_of({"queues": [{"id": "q", "callback": {"first": "customer"}}]}, "p.toml", own_policy(scenario()))
    (queue,) = policy_of({"queues": [{"id": "q", "callback": {"attempts": 7}}]}, "p.toml", first).queues
    assert (queue.callback.first, queue.callback.attempts) == ("customer", 7)
    (queue,) = policy_of({"queues": [{"id": "q", "tiers": {"gold": 2}}]}, "p.toml", first).queues
    assert queue.tiers == {"gold": 2}


def test_a_policy_changes_only_the_fields_that_it_names() -> None:
    base = own_policy(scenario())
    changed = policy_of({"queues": [{"id": "q", "strategy": "fewest_calls"}]}, "p.toml", base)
    assert (changed.queues[0].strategy, changed.queues[0].threshold_s, changed.staff) == (
        "fewest_calls",
        20,
        base.staff,
    )
    assert changed.queues[0].wrap_up_s == base.queues[0].wrap_up_s


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"closes": "07:00"}, "closes: must be after opens"),
        ({"opens": "8 Uhr"}, "opens: '8 Uhr' is not a time of day such as 08:30"),
        ({"callers": [{**TREE["callers"][0], "queue": "x"}]}, "callers: x is not one of the queues (q)"),
        (
            {"callers": [{**TREE["callers"][0], "rates_per_hour": [1]}]},
            "exactly one of rate_per_hour, rates_per_hour and file",
        ),
        ({"callers": [{**TREE["callers"][0], "talk": {"kind": "gamma"}}]}, "callers.0.talk: gamma needs mean_s"),
        (
            {"callers": [{**TREE["callers"][0], "talc": {}}]},
            "callers.0.talc: is unknown; there are queue, rate_per_hour",
        ),
        ({"staff": [{"count": 1, "shift": ["12:00", "08:00"]}]}, "staff agent: 12:00 to 08:00 ends before it begins"),
        ({"staff": [{"count": 0}]}, "staff.0.count: Input should be greater than or equal to 1 (found 0)"),
        ({"queues": [{"id": "q"}, {"id": "q"}]}, "queues: q stands twice"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_what_is_accepted(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(Misuse, match=r"^day\.toml: ") as mistake:
        scenario(**changes)
    assert says in str(mistake.value)


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        ({"queue": []}, "unknown queue; a policy has name, between_queues, [[queues]] and [[staff]]"),
        ({"queues": [{"id": "x"}]}, "a policy changes queues by their id, one of q"),
        ({"queues": [{"id": "q", "strategy": "best"}]}, "queue q: strategy: Input should be 'longest_idle'"),
        ({"staff": [{"count": 1, "queues": ["x"]}]}, "x is not one of the queues (q)"),
    ],
)
def test_a_mistake_in_a_policy_is_named_too(tree: dict[str, Any], says: str) -> None:
    with pytest.raises(Misuse, match=r"^p\.toml: ") as mistake:
        policy_of(tree, "p.toml", own_policy(scenario()))
    assert says in str(mistake.value)


def test_times_of_day() -> None:
    assert [seconds_of(t) for t in ("0:00", "08:30", "24:00", "08:00:15")] == [0, 30_600, 86_400, 28_815]


# --- files ----------------------------------------------------------------------------------------------------------------


def with_file(tmp_path: Path, text: str, **source: Any) -> list[Visitor]:
    (tmp_path / "calls.csv").write_text(text)
    kind = {"queue": "q", "talk": {"kind": "fixed", "mean_s": 9}, "file": {"path": "calls.csv", **source}}
    read = scenario(callers=[kind])
    return list(visitors_of(read, files.read_given(read, tmp_path), Streams(1, 0)))


def test_counts_of_intervals_are_taken_as_they_are(tmp_path: Path) -> None:
    text = "ts,calls\n2003-03-03 07:30:00,9\n2003-03-03 08:00:00,4\n2003-03-03 08:30:00,6\n2003-03-04 08:00:00,99\n"
    visitors = with_file(tmp_path, text, day="2003-03-03", as_counted=True)
    assert [sum(28_800 + 1_800 * n <= v.at < 30_600 + 1_800 * n for v in visitors) for n in range(3)] == [4, 6, 0]


def test_single_calls_bring_their_talk_times(tmp_path: Path) -> None:
    text = "date,entry,outcome,talked\n990201,8:02:47,AGENT,166\n990201,9:00:00,PHANTOM,1\n990201,8:00:01,HANG,0\n"
    visitors = with_file(
        tmp_path,
        text,
        kind="calls",
        date_column="date",
        time_column="entry",
        talk_column="talked",
        only={"outcome": "AGENT"},
    )
    assert [(v.at, v.talk_s) for v in visitors] == [(28_967, 166)]


@pytest.mark.parametrize(
    ("text", "source", "says"),
    [
        ("ts,calls\n", {}, "no lines below its header"),
        ("when,calls\n2003-03-03,1\n", {}, "say time_column; the columns are when, calls"),
        ("ts,n\n2003-03-03 08:00,1\n", {}, "say count_column; the columns are ts, n"),
        ("ts,calls\nyesterday,1\n", {}, "about line 2: 'yesterday' is not a time"),
        ("ts,calls\n2003-03-03 08:00,many\n", {}, "'many' in column calls is not a number"),
        (
            "ts,calls\n2003-03-03,1\n2003-03-04,1\n",
            {},
            'has 2 days, 2003-03-03 to 2003-03-04: say which one, as day = "2003-03-03"',
        ),
        ("ts,calls\n2003-03-03,1\n", {"day": "2003-01-01"}, "nothing on 2003-01-01; it has 2003-03-03 to 2003-03-03"),
        ("ts,calls\n2003-03-03,1\n", {"path": "x.csv"}, "there is no file"),
    ],
)
def test_a_file_that_cannot_be_used_is_explained(tmp_path: Path, text: str, source: dict[str, Any], says: str) -> None:
    with pytest.raises(Misuse) as mistake:
        with_file(tmp_path, text, **source)
    assert says in str(mistake.value)


@pytest.mark.parametrize(
    ("scenario_file", "policy_files", "names"),
    [
        ("simulation.toml", ["simulation-cards-first.toml"], ["as today", "cards first"]),
        (
            "power-hotline.toml",
            ["power-hotline-outages-first.toml", "power-hotline-evening-shift.toml"],
            ["as today", "outages first", "evening shift"],
        ),
    ],
)
def test_the_examples_in_the_documentation_work(scenario_file: str, policy_files: list[str], names: list[str]) -> None:
    folder = Path(__file__).resolve().parents[3] / "docs" / "examples"
    read = files.read_scenario(folder / scenario_file)
    base = own_policy(read)
    policies = (base, *(files.read_policy(folder / name, base) for name in policy_files))
    results = run(read, policies, files.read_given(read, folder), replications=1, seed=1)
    assert [r.policy.name for r in results] == names
    assert all(r.queues["total"]["answered"].mean > 100 for r in results)  # type: ignore[union-attr]


def test_which_queue_comes_first_is_a_policy_too() -> None:
    read = scenario()
    base = own_policy(read)
    assert policy_of({"between_queues": "longest_wait"}, "x.toml", base).between_queues == "longest_wait"
    assert policy_of({"acd": {"between_queues": "service_level_at_risk"}}, "x", base).between_queues == (
        "service_level_at_risk"
    )
    assert policy_of({}, "x.toml", base).between_queues == "strict_priority"
    with pytest.raises(Misuse, match=r"x\.toml: between_queues: .*longest_wait"):
        policy_of({"between_queues": "lottery"}, "x.toml", base)


def test_the_order_between_queues_decides_who_is_served() -> None:
    """One agent; a caller of the queue that comes first by priority calls later than one of the other."""
    queues = (Queue(id="vip", priority=5, wrap_up_s=0), Queue(id="q", wrap_up_s=0))
    visitors = (visitor("a", 0, queue="q", talk_s=20), visitor("b", 5, queue="q"), visitor("c", 10, queue="vip"))
    served = {}
    for between in ("strict_priority", "longest_wait"):
        engine = Engine(
            queues, day_with(visitors), begin=0, count_from=0, ring_again=lambda _: 0.0, between_queues=between
        )  # type: ignore[arg-type]
        stays = {s.call_id: s.left_at for s in engine.run().stays}
        served[between] = sorted(("b", "c"), key=lambda c: stays[CallId(c)])
    assert served == {"strict_priority": ["c", "b"], "longest_wait": ["b", "c"]}


def day_with(visitors: tuple[Visitor, ...]) -> Day:
    profile = Profile(id=AgentId("1"), name="1", extension=Extension("1"), skills={}, queues=())
    return Day(
        visitors=visitors, workers=(Worker(profile=profile),), duties=(Duty(at=0, agent_id=AgentId("1"), ask="ready"),)
    )


# --- numbers ----------------------------------------------------------------------------------------------------------------


def test_the_interval_is_that_of_students_t() -> None:
    found = estimate([10.0, 12.0, 14.0])
    assert found is not None
    assert (found.mean, found.half_width) == (12, pytest.approx(4.303 * 2 / 3**0.5))
    assert found.holds(16.9)
    assert not found.holds(17.0)
    assert estimate([5.0]).half_width is None  # type: ignore[union-attr]
    assert estimate([None, None]) is None


@pytest.mark.parametrize(("degrees", "t"), [(1, 12.706), (30, 2.042), (40, 2.0211), (120, 1.9799)])
def test_students_t_is_that_of_the_tables(degrees: int, t: float) -> None:
    assert student(degrees) == pytest.approx(t, abs=5e-4)


def test_a_quantile_is_a_value_that_so_many_do_not_exceed() -> None:
    assert [quantile([1, 2, 3, 4], q) for q in (0.25, 0.5, 0.51, 1.0)] == [1, 2, 3, 4]
    assert quantile([], 0.5) is None


def test_the_picture_has_every_policy_and_escapes_names() -> None:
    read = scenario(name="<day> & night")
    results = run(read, (own_policy(read),), (Given(),), replications=2, seed=1)
    page = plot.html(results, read.name)
    assert "&lt;day&gt; &amp; night" in page
    assert "<day>" not in page
    assert page.count("<svg") == 1


def drawn(name: str) -> Any:
    read = scenario(name=name)
    return plot.picture(run(read, (own_policy(read),), (Given(),), replications=2, seed=1))


def test_the_picture_can_be_had_as_png_which_any_program_can_read() -> None:
    picture = drawn("day")
    written = png.png(picture)
    assert written.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = (int.from_bytes(written[at : at + 4]) for at in (16, 20))
    assert (width, height) == (picture.width * png.SCALE, picture.height * png.SCALE)
    chunks = list(chunks_of(written[8:]))
    assert [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    rows = zlib.decompress(chunks[1][1])
    assert len(rows) == height * (1 + 3 * width)
    assert bytes.fromhex(plot.COLOURS[0].removeprefix("#")) in rows, "the bars of the first policy"
    assert bytes.fromhex(plot.INK.removeprefix("#")) in rows, "letters"


def chunks_of(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    while data:
        length = int.from_bytes(data[:4])
        kind, body, told = data[4:8], data[8 : 8 + length], data[8 + length : 12 + length]
        assert zlib.crc32(kind + body) == int.from_bytes(told)
        yield kind, body
        data = data[12 + length :]


def test_names_that_the_letters_of_a_png_do_not_know_become_numbers() -> None:
    assert png.key_of(drawn("as today ± 1")) == {}
    assert png.key_of(drawn("今天")) == {"今天": "#1"}
    assert png.png(drawn("今天"))


@pytest.mark.parametrize(
    ("mean", "signed", "text"), [(-0.04, True, "+0.0 s"), (-0.04, False, "0.0 s"), (-0.06, True, "-0.1 s")]
)
def test_nothing_is_minus_zero(mean: float, signed: bool, text: str) -> None:
    assert plot.text_of(Estimate(mean=mean), unit="s", signed=signed) == text
