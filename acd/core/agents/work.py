"""How much an agent has done since he logged in: what strategies and comparisons of agents go by. Pure."""

import msgspec

from hotline.facts import AgentState

_AT_WORK: frozenset[AgentState] = frozenset({"reserved", "ringing", "talking", "holding", "wrap_up"})


class Work(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One agent's work. It survives our own death with the rest of what is known of him, his place excepted."""

    calls: int = 0
    """Calls answered. Who logs in begins with as many as the last one who was chosen for having fewest had then: else he would
    get all callers until he has caught up with a whole morning."""
    offers: int = 0
    """Times that he was rung."""
    offered_at: float = 0.0
    """When he was rung last, whatever came of it."""
    busy_s: float = 0.0
    """Time with calls, from the moment that he was reserved to the end of wrap-up."""
    ready_s: float = 0.0
    """Time ready and without a call."""

    @property
    def occupancy(self) -> float:
        """The share of busy time; breaks count on neither side. 0 for who has just logged in."""
        counted = self.busy_s + self.ready_s
        return self.busy_s / counted if counted > 0 else 0.0

    def spent(self, state: AgentState, seconds: float) -> None:
        """Book the time in a state that is over."""
        if seconds < 0:
            return  # the clock was set back
        if state == "ready":
            self.ready_s += seconds
        elif state in _AT_WORK:
            self.busy_s += seconds
