"""The collector of cycles, kept out of the way of calls. A door: it changes the whole process.

CPython looks for unreachable cycles among all objects that it tracks. What a process has loaded by the end of its start (modules, settings, prompts, who
is on the roster) lives as long as the process, and looking through it again and again costs pauses of tens of milliseconds in which no phone
is rung. So it is set aside once (`gc.freeze`), and young objects are looked at in larger lots: most die by their reference count anyway.

Source: the documentation of `gc.freeze` and `gc.set_threshold`, Python 3.11.
"""

import gc

LOT = 10_000
"""So many new objects make the collector look at the young ones; CPython's own number is 700."""
LOTS = (10, 10)
"""How often the young are looked at before those are that survived once, and those before all; CPython's own numbers."""


def set_aside() -> None:
    """Leave what is there now alone for ever: to be called once, when everything has started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(LOT, *LOTS)
