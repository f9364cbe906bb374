"""How much kinds of days change the calls before anything was measured: the assumptions that models and effects are drawn towards. Pure.

Each number is a standard deviation of the logarithm: with 0.3, a change by a third up or a quarter down is ordinary, and half as much or twice as
much again would surprise. They are round numbers of common sense about services that people call, the same for every queue and country, and were
fitted to nothing. A size says how freely an effect may be learnt, not which way it goes.
"""

from collections.abc import Mapping

KIND_SIZE: Mapping[str, float] = {
    "off": 0.7,
    "holiday": 1.0,
    "minor": 0.4,
    "eve": 0.6,
    "minor_eve": 0.3,
    "before": 0.15,
    "after_1": 0.3,
    "after_2": 0.15,
    "after_3": 0.1,
    "minor_after": 0.2,
    "bridge": 0.2,
    "makeup": 0.3,
    "payday": 0.05,
    "payday_after": 0.05,
    "spring_before": 0.2,
    "spring_during": 0.4,
    "spring_after": 0.2,
}
"""For every kind of `forecast.days.features.KINDS`."""
NAME_SIZE = 0.3
"""How far a holiday differs from others of its kind."""
EVENT_SIZE = 0.4
"""An event of the operator's own."""
