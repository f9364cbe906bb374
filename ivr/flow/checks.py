"""Whether the steps of a flow form a sound graph: all reachable, and no loop that a silent caller would go round. Pure."""

from collections.abc import Mapping

from ivr.flow.marks import Mark, Problem
from ivr.flow.model import Flow, exits

Marks = Mapping[tuple[str, str], Mark]
"""(step, exit label) -> where the exit stands; label "" is the step itself."""


def check_graph(flow: Flow, marks: Marks, start: Mark) -> list[Problem]:
    """Return what is wrong between the steps of `flow`, all of whose exits lead to steps that exist."""
    return _unreachable(flow, marks, start) + _silent_loops(flow, marks, start)


def _unreachable(flow: Flow, marks: Marks, start: Mark) -> list[Problem]:
    reached = {flow.start}
    waiting = [flow.start]
    while waiting:
        for way in exits(flow.steps[waiting.pop()]):
            if way.target not in reached:
                reached.add(way.target)
                waiting.append(way.target)
    return [
        Problem(marks.get((name, ""), start), f"step `{name}`: no way leads here")
        for name in flow.steps
        if name not in reached
    ]


def _silent_loops(flow: Flow, marks: Marks, start: Mark) -> list[Problem]:
    """Depth-first search along the passive exits; an exit that leads back onto its own path closes a loop."""
    problems: list[Problem] = []
    done: set[str] = set()
    path: list[str] = []

    def walk(name: str) -> None:
        path.append(name)
        for way in exits(flow.steps[name]):
            if way.passive and way.target in path:
                loop = " -> ".join([*path[path.index(way.target) :], way.target])
                message = f"{way.label}: a caller who presses nothing goes round for ever ({loop})"
                problems.append(Problem(marks.get((name, way.label), start), message))
            elif way.passive and way.target not in done:
                walk(way.target)
        path.pop()
        done.add(name)

    for name in flow.steps:
        if name not in done:
            walk(name)
    return problems
