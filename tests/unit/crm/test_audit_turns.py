"""Who is served before his turn, and who only seems to be."""

from dataclasses import dataclass, field

from crm.audit.turns import Ring, Wait, out_of_turn
from crm.fold.rows import moment
from hotline.ids import CallId
from tests.support.envelopes import T0


@dataclass
class Line:
    """A line that is written down call by call; times are seconds."""

    waits: list[Wait] = field(default_factory=list)
    rings: list[Ring] = field(default_factory=list)

    def waits_for(
        self, call: str, began: float, ended: float | None = None, *, queue: str = "q", priority: int = 0
    ) -> None:
        over = None if ended is None else moment(T0 + ended)
        wait = Wait(call_id=CallId(call), queue_id=queue, priority=priority, began_at=moment(T0 + began), ended_at=over)
        self.waits.append(wait)

    def rung(
        self, call: str, made: float, ended: float | None, result: str, *, agent: str = "1", queue: str = "q"
    ) -> None:
        over = None if ended is None else moment(T0 + ended)
        offer = f"{call}-{len(self.rings)}"
        self.rings.append(
            Ring(
                call_id=CallId(call), offer_id=offer, queue_id=queue, agent_id=agent, made_at=moment(T0 + made),
                ended_at=over, result=result,
            )
        )  # fmt: skip

    def passed(self) -> list[tuple[str, str]]:
        """Return who was served, and who had waited for longer."""
        return [(p.ring.call_id, p.waited) for p in out_of_turn(self.waits, self.rings)]


def test_first_in_first_out_is_in_turn() -> None:
    line = Line()
    for n in range(4):
        line.waits_for(f"c{n}", n, 20 + n)
        line.rung(f"c{n}", 18 + n, 20 + n, "answered")
    assert line.passed() == []


def test_who_is_rung_for_while_an_older_caller_waits_was_served_out_of_turn() -> None:
    line = Line()
    line.waits_for("old", 0, 60)
    line.waits_for("new", 10, 32)
    line.rung("new", 30, 32, "answered")
    assert line.passed() == [("new", "old")]


def test_another_queue_or_priority_is_another_line() -> None:
    line = Line()
    line.waits_for("elsewhere", 0, 60, queue="other")
    line.waits_for("low", 0, 60, priority=-1)
    line.waits_for("new", 10, 32)
    line.rung("new", 30, 32, "answered")
    assert line.passed() == []


def test_a_caller_who_has_only_just_come_or_is_just_leaving_is_not_passed_over() -> None:
    line = Line()
    line.waits_for("leaving", 0, 31)
    line.waits_for("coming", 28.5, 90)
    line.waits_for("new", 29, 33)
    line.rung("new", 30, 33, "answered")
    assert line.passed() == []


def test_a_caller_who_is_rung_for_himself_or_on_his_way_back_is_not_passed_over() -> None:
    for ended in (None, 40.0, 27.0):
        line = Line()
        line.waits_for("old", 0, 60)
        line.rung("old", 20, ended, "no_answer" if ended else "ringing", agent="2")
        line.waits_for("new", 10, 32)
        line.rung("new", 30, 32, "answered")
        assert line.passed() == [], ended


def test_an_agent_who_refused_the_older_caller_may_serve_the_younger() -> None:
    line = Line()
    line.waits_for("old", 0, 60)
    line.rung("old", 5, 8, "rejected", agent="1")
    line.waits_for("new", 10, 32)
    line.rung("new", 30, 32, "answered", agent="1")
    assert line.passed() == []
    line.rung("new", 31, 32, "answered", agent="2")
    assert line.passed() == [("new", "old")]


def test_a_caller_who_comes_back_keeps_his_turn() -> None:
    line = Line()
    line.waits_for("old", 0, 60)
    line.rung("old", 5, 20, "no_answer", agent="2")
    line.rung("old", 30, 32, "answered", agent="1")
    line.waits_for("new", 10, 36)
    line.rung("new", 34, 36, "answered", agent="3")
    assert line.passed() == []


def test_a_ring_whose_wait_is_not_known_says_nothing() -> None:
    line = Line()
    line.waits_for("old", 0, 60)
    line.rung("stranger", 30, 32, "answered")
    assert line.passed() == []


def test_many_callers_are_compared_quickly() -> None:
    line = Line()
    for n in range(3000):
        line.waits_for(f"c{n}", n, n + 100)
        line.rung(f"c{n}", n + 98, n + 100, "answered", agent=str(n))
    line.waits_for("late", 1500.5, 1520)
    line.rung("late", 1510, 1520, "answered")
    assert line.passed() == [("late", "c1415")]  # those before are being rung for
