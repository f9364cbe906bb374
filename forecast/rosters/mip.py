"""The door to HiGHS: mixed-integer programs as columns and rows, solved on one thread. The only file that imports highspy.

HiGHS: Q. Huangfu and J. A. J. Hall, "Parallelizing the dual revised simplex method", Mathematical Programming Computation 10 (2018).
"""

import math
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from hotline.errors import OutcomeUnknown
from hotline.runtime.clock import stopwatch

if TYPE_CHECKING:  # it is loaded by the first program that is solved: who only reads rosters does without
    import highspy

INFINITY = float("inf")
Term = tuple[int, float]
Tell = Callable[[float, float], None]
"""Gets the incumbent (infinite: none yet) and the bound now and then."""
Stop = Callable[[], bool]
"""Asked now and then whether to give up."""
Ending = Literal["optimal", "stopped", "infeasible", "nothing"]
"""`optimal` to the gap that was asked for; `stopped` by a limit, with a solution; `nothing`: stopped without one."""

NEARLY = 0.02
"""So near to a whole number a variable is fixed there,"""
SURE = 0.6
"""but only this part of them in one round;"""
ROUND = 0.15
"""and at least this part of all that are free."""
SMALL_ENOUGH = 120
"""So many variables are left to the search by branching,"""
FEW = 30
"""and so many when there is little time."""
SHARE_LEAST = 0.05
"""A round that was taken back so often is the last one: then it fixes a quarter of a quarter of what it would."""
SINK_SHARE = 0.6
"""Part of the time for the relaxation and for fixing,"""
REST_SHARE = 0.5
"""and of what then remains for the variables that are left; when it is not enough, more is fixed."""
LAST_SHARE = 0.25
"""The last try, with nearly all fixed, has so much of the time in any case: it is what all the rest was for."""


def never() -> bool:
    """Do not give up."""
    return False


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What came of a program."""

    ending: Ending
    objective: float
    bound: float
    """No solution is better than this."""
    x: NDArray[np.float64]
    near: NDArray[np.float64] | None = None
    """Of a dive: the solution of the relaxation, in which nothing has to be whole."""


class Mip:
    """A program to be minimised, as it is written down."""

    def __init__(self) -> None:
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.cost: list[float] = []
        self.whole: list[bool] = []
        self.offset = 0.0
        self._row_lower: list[float] = []
        self._row_upper: list[float] = []
        self._starts: list[int] = [0]
        self._index: list[int] = []
        self._value: list[float] = []

    def column(self, lower: float = 0.0, upper: float = INFINITY, cost: float = 0.0, *, whole: bool = False) -> int:
        """Add a variable and return its number."""
        self.lower.append(lower)
        self.upper.append(upper)
        self.cost.append(cost)
        self.whole.append(whole)
        return len(self.cost) - 1

    def row(self, terms: Iterable[Term], lower: float = -INFINITY, upper: float = INFINITY) -> None:
        """Add a constraint; a variable that is named twice counts twice."""
        summed: dict[int, float] = {}
        for number, value in terms:
            summed[number] = summed.get(number, 0.0) + value
        kept = [(number, value) for number, value in summed.items() if value != 0.0]
        self._index.extend(number for number, _ in kept)
        self._value.extend(value for _, value in kept)
        self._starts.append(len(self._index))
        self._row_lower.append(lower)
        self._row_upper.append(upper)

    @property
    def rows(self) -> int:
        """The number of constraints."""
        return len(self._row_lower)

    def fixed(self, values: Mapping[int, float]) -> "Mip":
        """Return the same program with some variables fixed."""
        other = copy(self)
        other.lower, other.upper = list(self.lower), list(self.upper)
        for column, value in values.items():
            other.lower[column] = other.upper[column] = value
        return other

    def model(self) -> "highspy.HighsLp":
        """Return the program in the form that HiGHS takes."""
        import highspy

        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(self.cost), self.rows
        lp.offset_ = self.offset
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = np.array(self.cost), np.array(self.lower), np.array(self.upper)
        lp.row_lower_, lp.row_upper_ = np.array(self._row_lower), np.array(self._row_upper)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.array(self._starts, dtype=np.int32)
        lp.a_matrix_.index_ = np.array(self._index, dtype=np.int32)
        lp.a_matrix_.value_ = np.array(self._value)
        kinds = highspy.HighsVarType
        lp.integrality_ = [kinds.kInteger if whole else kinds.kContinuous for whole in self.whole]
        return lp


def solve(
    mip: Mip,
    *,
    seconds: float,
    gap: float = 1e-4,
    start: Mapping[int, float] | None = None,
    tell: Tell | None = None,
    stop: Stop = never,
    barrier: bool = False,
) -> Answer:
    """Return the best solution found within `seconds`, to a relative `gap`.

    `start` is a part of a solution to begin with: column -> value; HiGHS looks for the rest. `stop` is asked now and then whether to give up.
    `barrier`: solve the first relaxation by an interior-point method, which large and flat programs need.
    """
    import highspy

    highs = _highs(seconds)
    highs.setOptionValue("mip_rel_gap", gap)
    highs.setOptionValue("mip_lp_solver", "ipm" if barrier else "choose")
    highs.passModel(mip.model())
    if start:
        highs.setSolution(len(start), np.array(list(start), dtype=np.int32), np.array(list(start.values())))
    _listen(highs, tell, stop)
    highs.run()
    ending = _ending(highs)
    info = highs.getInfo()
    if ending == "infeasible":
        return Answer(ending=ending, objective=INFINITY, bound=INFINITY, x=np.zeros(0))
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return Answer(ending="nothing", objective=INFINITY, bound=info.mip_dual_bound, x=np.zeros(0))
    x = np.array(highs.getSolution().col_value)
    return Answer(ending=ending, objective=info.objective_function_value, bound=info.mip_dual_bound, x=x)


def dive(mip: Mip, *, seconds: float, gap: float, tell: Tell | None = None, stop: Stop = never) -> Answer:
    """Return a good solution of a large program soon, and the bound of its relaxation.

    The relaxation is solved by an interior-point method; then, round by round, the variables that are nearest to whole numbers are fixed there
    and the relaxation is solved again from where it stood, as long as that costs little. The program of what is left is small. Where there is little time
    the last step may go on for a quarter of it beyond.
    """
    watch = stopwatch()
    highs, relaxed = _relaxed(mip, seconds)
    if not len(relaxed.x):
        return relaxed
    bound = relaxed.bound
    if tell is not None:
        tell(INFINITY, bound)
    highs.setOptionValue("solver", "simplex")
    highs.setOptionValue("time_limit", seconds * SINK_SHARE)  # its clock runs on from one run to the next
    fixed: dict[int, float] = {}
    _sink(highs, mip, fixed, bound + abs(bound) * gap, stop)
    answer = Answer(ending="infeasible", objective=INFINITY, bound=bound, x=np.zeros(0))
    deep = False
    while len(answer.x) == 0 and not stop():
        left = seconds - watch()
        time = max(left, seconds * LAST_SHARE) if deep else left * REST_SHARE
        answer = solve(mip.fixed(fixed), seconds=time, gap=gap, stop=stop)
        if not fixed and math.isfinite(answer.bound):
            bound = max(bound, answer.bound)  # nothing was fixed: it is the program itself that was branched on
        if answer.ending == "nothing" and not deep:
            deep = True  # what is left was too much for the time: fix more of it, at any cost
            highs.setOptionValue("time_limit", seconds)
            _sink(highs, mip, fixed, INFINITY, stop)
        elif not fixed or answer.ending == "nothing":
            break
        else:
            fixed = dict(list(fixed.items())[: len(fixed) // 2])
    return Answer(ending=answer.ending, objective=answer.objective, bound=bound, x=answer.x, near=relaxed.x)


def relaxation(mip: Mip, *, seconds: float) -> Answer:
    """Return the best solution in which nothing has to be whole: its value is a bound; nothing when the time was too short."""
    return _relaxed(mip, seconds)[1]


def _relaxed(mip: Mip, seconds: float) -> "tuple[highspy.Highs, Answer]":
    """Solve the relaxation by an interior-point method."""
    highs = _highs(seconds)
    highs.setOptionValue("solve_relaxation", True)
    highs.setOptionValue("solver", "ipm")
    highs.passModel(mip.model())
    highs.run()
    ending = _ending(highs)
    if ending != "optimal":
        ending = "nothing" if ending == "stopped" else ending
        return highs, Answer(ending=ending, objective=INFINITY, bound=-INFINITY, x=np.zeros(0))
    value = float(highs.getInfo().objective_function_value)
    return highs, Answer(ending=ending, objective=value, bound=value, x=np.array(highs.getSolution().col_value))


def _sink(highs: "highspy.Highs", mip: Mip, fixed: dict[int, float], most: float, stop: Stop) -> None:
    """Fix variables where they are nearly whole, the surest first, while the relaxation costs no more than `most`; adds them to `fixed`.

    A round that costs too much is taken back and tried with fewer. With any cost allowed nearly all are fixed, else so many that few are left.
    """
    import highspy

    states = highspy.HighsModelStatus
    free = np.array([column for column in np.flatnonzero(mip.whole) if column not in fixed], dtype=np.intp)
    enough = SMALL_ENOUGH if math.isfinite(most) else FEW
    solution = np.array(highs.getSolution().col_value)
    share = 1.0
    while len(free) > enough and share > SHARE_LEAST and not stop():
        x = solution[free]
        away = np.abs(x - np.round(x))
        order = np.argsort(away, kind="stable")
        many = max(int((away < NEARLY).sum() * SURE * share), int(len(free) * ROUND * share), 1)
        chosen = {int(free[i]): float(np.round(x[i])) for i in order[:many]}
        for column, value in chosen.items():
            highs.changeColBounds(column, value, value)
        highs.run()
        if highs.getModelStatus() == states.kTimeLimit:
            return
        if highs.getModelStatus() != states.kOptimal or highs.getInfo().objective_function_value > most:
            for column in chosen:
                highs.changeColBounds(column, mip.lower[column], mip.upper[column])
            share /= 4
            continue
        solution = np.array(highs.getSolution().col_value)
        fixed.update(chosen)
        free = free[order[many:]]


def _highs(seconds: float) -> "highspy.Highs":
    import highspy

    highs = highspy.Highs()  # type: ignore[no-untyped-call]  # it has no annotations
    highs.silent()
    for option, value in (
        ("threads", 1), ("parallel", "off"), ("random_seed", 7), ("time_limit", max(seconds, 0.05)), ("mip_abs_gap", 1e-6),
    ):  # fmt: skip
        highs.setOptionValue(option, value)
    return highs


def _listen(highs: "highspy.Highs", tell: Tell | None, stop: Stop) -> None:
    def told(event: Any) -> None:
        out = event.data_out
        assert tell is not None
        tell(out.mip_primal_bound, out.mip_dual_bound)

    def asked(event: Any) -> None:
        if stop():
            event.data_in.user_interrupt = True

    if tell is not None:
        highs.cbMipImprovingSolution += told
        highs.cbMipLogging += told
    if stop is not never:
        highs.cbMipInterrupt += asked


def _ending(highs: "highspy.Highs") -> Ending:
    import highspy

    states = highspy.HighsModelStatus
    status = highs.getModelStatus()
    if status == states.kOptimal:
        return "optimal"
    if status in (states.kInfeasible, states.kUnboundedOrInfeasible):
        return "infeasible"
    if status in (states.kTimeLimit, states.kInterrupt, states.kIterationLimit, states.kSolutionLimit):
        return "stopped"
    raise OutcomeUnknown(f"the solver ended with {highs.modelStatusToString(status)!r}")
