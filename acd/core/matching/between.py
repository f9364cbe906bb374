"""Which queue's caller an agent gets who serves several queues. Pure.

Within a queue the order is the callers' own (`ranking`). Between queues the first caller of each whom the agent may serve is
held against the others by the policy `acd.between_queues`:

* `strict_priority`: the higher priority first, with what ageing has added by now; then who waits longest.
* `longest_wait`: who waits longest; priorities count within a queue only.
* `service_level_at_risk`: the queue that loses most if this agent goes elsewhere; see `risk`.
"""

import math
from collections.abc import Mapping

from acd.core.agents.roster import Agents
from acd.core.agents.states import ON_DUTY
from acd.core.callers.line import Caller
from acd.core.callers.ranking import effective_priority
from hotline.ids import CallId, QueueId
from hotline.settings.queues import BetweenQueues, Queue

Key = tuple[float, float, CallId]
"""What callers of different queues are compared by: smaller is served first."""

HANDLING_S = 180.0
"""How long an agent is taken to be busy with one caller of a queue, until enough was seen of it."""
WEIGHT = 0.05
"""How much one more conversation changes what a queue's are taken to last."""


def risk(*, waiting: int, left_s: float, agents: int, handling_s: float) -> float:
    """Return how many answers within the threshold a queue is expected to lose if the next free agent goes elsewhere; 0 to 1.

    `waiting` callers stand in its line and the first of them has `left_s` seconds left until the threshold. `agents` serve
    the queue besides this one, each busy for `handling_s` seconds with a caller on average; so they become free like a
    Poisson process of the rate `agents / handling_s` (departures of busy exponential servers: Gross and Harris, *Fundamentals
    of Queueing Theory*, 3rd ed. 1998, section 2.2), and N of them in the time left, N being Poisson distributed with the mean

        x = left_s * agents / handling_s.

    The caller at place k is answered in time if N >= k, or N >= k - 1 when this agent takes the first one. The difference is
    P(N = k - 1). Taking the time left of the first for that of all, the sum over the line is

        risk = P(N = 0) + ... + P(N = waiting - 1) = P(N < waiting).

    It never falls while callers wait: it grows with each caller more, with each agent less, and as time runs out. Callers who
    are beyond the threshold count as if it were reached just now, so that they are not forgotten: the risk is 1.
    """
    if waiting <= 0:
        return 0.0
    x = max(left_s, 0.0) * agents / handling_s
    if x <= 0.0:
        return 1.0
    return _poisson_below(waiting, x)


def _poisson_below(n: int, x: float) -> float:
    """Return P(N < n) for a Poisson distribution with the mean `x`: its terms from the greatest needed one down."""
    if n > x:
        return 1.0 - _tail(n, x)
    term = math.exp((n - 1) * math.log(x) - x - math.lgamma(n))
    total, k = 0.0, n - 1
    while k >= 0 and term > 1e-12:
        total += term
        term *= k / x
        k -= 1
    return min(total, 1.0)


def _tail(n: int, x: float) -> float:
    """Return P(N >= n) for n above the mean."""
    term = math.exp(n * math.log(x) - x - math.lgamma(n + 1))
    total = 0.0
    while term > 1e-12:
        total += term
        n += 1
        term *= x / n
    return min(total, 1.0)


class Between:
    """The policy, with what it must know of the queues."""

    def __init__(self, policy: BetweenQueues, queues: Mapping[QueueId, Queue]) -> None:
        self.policy = policy
        self._queues = queues
        self._handling_s: dict[QueueId, float] = {}
        self._crew: dict[QueueId, int] | None = None

    def duty_changed(self) -> None:
        """Somebody came on or went off duty."""
        self._crew = None

    def handled(self, queue_id: QueueId, seconds: float) -> None:
        """An agent was busy with a caller for so long, wrap-up included."""
        known = self._handling_s.get(queue_id, HANDLING_S)
        self._handling_s[queue_id] = max(known + WEIGHT * (seconds - known), 1.0)

    def key(self, caller: Caller, priority: int, waiting: int, agents: Agents, now: float) -> Key:
        """Return what the first caller of a queue is compared by, `waiting` being how many could be offered there.

        Its first element is his score: the smaller, the sooner he is served.
        """
        since = caller.waits_since
        if self.policy == "longest_wait":
            return (since, -priority, caller.call_id)
        queue = self._queues[caller.queue_id]
        if self.policy == "strict_priority":
            ageing = queue.ageing_per_minute
            if not ageing:
                return (-priority, since, caller.call_id)
            with_ageing = effective_priority(priority=priority, since=since, ageing_per_minute=ageing, now=now)
            return (-with_ageing, since, caller.call_id)
        at_risk = risk(
            waiting=waiting,
            left_s=queue.threshold_s - (now - caller.entered_at),
            agents=max(self._on_duty(agents).get(caller.queue_id, 0) - 1, 0),
            handling_s=self._handling_s.get(caller.queue_id, HANDLING_S),
        )
        return (-at_risk, -(now - caller.entered_at) / queue.threshold_s, caller.call_id)

    def _on_duty(self, agents: Agents) -> Mapping[QueueId, int]:
        """Return how many agents of each queue are on duty."""
        if self._crew is None:
            self._crew = {}
            for agent in agents:
                if agent.state in ON_DUTY:
                    for queue_id in agents.queues_of(agent):
                        self._crew[queue_id] = self._crew.get(queue_id, 0) + 1
        return self._crew
