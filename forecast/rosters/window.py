"""A few days of a plan as a plan of its own: what a change of these days can be felt in. Pure.

Duties of the day before reach into it by their nights, so they are told beside it; there is nothing before it by itself.
"""

from dataclasses import replace

from forecast.rosters.model import Plan


def window(plan: Plan, begin: int, end: int) -> Plan:
    """Return the days from `begin` to before `end`, or to the end of the plan."""
    end = min(end, plan.days)
    needs = tuple(replace(need, agents=need.agents[begin:end]) for need in plan.needs)
    return replace(plan, first=plan.day(begin), days=end - begin, needs=needs, before=())
