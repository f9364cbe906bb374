"""The settings of queues and of the people who serve them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from hotline import treatments
from hotline.errors import Misuse
from hotline.settings.kinds import Digits, Id, Level, Section

Strategy = Literal[
    "longest_idle", "least_occupied", "fewest_calls", "round_robin", "ordered", "random", "ring_all", "ring_progressive"
]
"""Which of the agents who may serve a caller is rung."""

BetweenQueues = Literal["strict_priority", "longest_wait", "service_level_at_risk"]
"""Which queue's caller an agent gets who serves several queues."""


def _levels(value: object) -> object:
    """Let a list of skills stand for those skills at level 1."""
    return dict.fromkeys(value, 1) if isinstance(value, list | tuple) else value


def _check_treatment(text: str) -> str:
    try:
        return str(treatments.parse(text))
    except Misuse as exc:
        raise ValueError(str(exc)) from exc


Skills = Annotated[dict[Id, Level], BeforeValidator(_levels)]
"""Skill -> the least level; a plain list means level 1."""
Treatment = Annotated[str, AfterValidator(_check_treatment)]
"""See `hotline.treatments`."""
Key = Annotated[str, Field(pattern=r"^[0-9*#]$")]


class Relax(Section):
    """A step in which less is asked of agents, once a caller has waited for a while."""

    after_s: float = Field(gt=0, le=86_400)
    skills: dict[Id, Annotated[int, Field(ge=0, le=10)]]
    """Skill -> the level that is enough from then on; 0: the skill is not asked for any more."""


class Overflow(Section):
    """When callers are treated otherwise than by waiting on."""

    when: Literal["waited", "expected_wait", "length", "nobody_logged_in"]
    over: float = Field(default=0.0, ge=0, le=100_000)
    """Seconds for `waited` and `expected_wait`, callers for `length`; without meaning for `nobody_logged_in`."""
    to: Treatment


class Comfort(Section):
    """What callers hear and can press while they wait, besides music."""

    first_after_s: float = Field(default=20.0, ge=1, le=3600)
    every_s: float = Field(default=45.0, ge=5, le=3600)
    position: bool = False
    """Say how many are before him."""
    expected_wait: bool = False
    """Say how long it will take, as a range, but only while past promises were kept often enough."""
    messages: tuple[Id, ...] = ()
    """Announcements to be said by turns."""
    keys: dict[Key, Treatment] = {}
    """What a key does while waiting: `callback`, `voicemail`, `queue:sales`, `number:…`."""


class CallbackPolicy(Section):
    """How callers are called back who asked for it."""

    first: Literal["agent", "customer"] = "agent"
    """Who is rung first."""
    ahead_s: float = Field(default=10.0, ge=0, le=120)
    """Where that is the customer: how long before an agent is expected to be free for him he is dialled; 0: only when one is."""
    attempts: int = Field(default=3, ge=1, le=20)
    retry_after_s: float = Field(default=300.0, ge=1, le=86_400)
    expires_after_s: float = Field(default=14_400.0, ge=60, le=7 * 86_400)
    ring_timeout_s: float = Field(default=30.0, ge=5, le=120)
    max_waiting: int = Field(default=100, ge=1, le=10_000)


class QueueStaffing(Section):
    """How many agents a queue is planned with, besides what its `target_share` asks for. Several targets must all be met."""

    wait_s: float | None = Field(default=None, gt=0, le=3600)
    """The mean wait of those who are answered, at most; None: not asked for."""
    abandoned: float | None = Field(default=None, gt=0, lt=1)
    """The share of callers who hang up, at most; None: not asked for."""
    occupancy: float | None = Field(default=None, gt=0, lt=1)
    """The share of their time in which agents work, at most; None: not asked for."""
    least_agents: int = Field(default=1, ge=0, le=10_000)
    """So many at least whenever the queue is open."""
    shrinkage: float | None = Field(default=None, ge=0, lt=0.9)
    """This queue's own instead of `forecast.shrinkage`."""
    handling_s: float | None = Field(default=None, ge=1, le=86_400)
    """This queue's own instead of `forecast.handling_s`."""
    patience_s: float | None = Field(default=None, ge=1, le=86_400)
    """This queue's own instead of `forecast.patience_s`."""


class Queue(Section):
    """A line of waiting callers."""

    id: Id
    name: str = Field(default="", max_length=60)
    # Who comes first, and who may serve.
    skills: Skills = {}
    """Skills that every agent of this queue needs, with the least level. A list means level 1."""
    language_skill: bool = False
    """Whether the caller's language is a skill that the agent needs (`zh`, `en`)."""
    relax: tuple[Relax, ...] = ()
    strategy: Strategy = "longest_idle"
    ring_at_once: int = Field(default=10, ge=1, le=50)
    """How many phones `ring_all` and `ring_progressive` ring for one caller at most."""
    ring_more_every_s: float = Field(default=5.0, ge=1, le=60)
    """After so long `ring_progressive` rings one phone more."""
    priority: int = Field(default=0, ge=-100, le=100)
    """Added to each caller's own; between queues, higher is served first."""
    ageing_per_minute: float = Field(default=0.0, ge=0, le=100)
    """How much priority a caller gains for each minute of waiting, so that nobody starves."""
    tiers: dict[Id, Annotated[int, Field(ge=-100, le=100)]] = {}
    """Tier of a customer -> what is added to his priority."""
    sticky: Literal["none", "last_agent", "personal_agent"] = "none"
    """Whom a caller is kept for during `sticky_s`: the agent who served him last, or his customer manager."""
    sticky_s: float = Field(default=10.0, ge=1, le=600)
    # Ringing.
    ring_timeout_s: float = Field(default=15.0, ge=3, le=120)
    wrap_up_s: float = Field(default=10.0, ge=0, le=3600)
    outcome_required: bool = False
    """Whether an agent must say how the call went before he is ready again: one of `acd.outcomes`."""
    auto_ready: bool = True
    """Whether an agent is ready by himself when his wrap-up is over; otherwise it lasts until he says so (`*42` or `*45`)."""
    rest_after_no_answer_s: float = Field(default=10.0, ge=0, le=3600)
    no_answers_before_break: int = Field(default=3, ge=1, le=100)
    """Who was rung in vain so many times in a row (no answer, or a busy phone) is set on a break: `no_answer` or `phone_busy`."""
    max_offers: int = Field(default=50, ge=1, le=10_000)
    """A caller who was offered to agents this often without an answer goes to the fallback queue."""
    transfer_timeout_s: float = Field(default=20.0, ge=3, le=600)
    """How long a caller who was handed on to one agent is kept for him alone; then who handed him on may take him, then everybody."""
    # Waiting.
    max_waiting: int = Field(default=200, ge=1, le=100_000)
    when_full: Treatment = "fallback"
    opening: Id | None = None
    """One of `[hours]`; None: always open."""
    when_closed: Treatment = "fallback"
    at_closing: Treatment | None = None
    """What happens at closing time to those who wait, or when a supervisor closes the queue; None: they are still served."""
    overflow: tuple[Overflow, ...] = ()
    """Looked at in this order; the first that applies counts."""
    resume_s: float = Field(default=0.0, ge=0, le=3600)
    """Who hangs up while waiting and calls again from the same number within this time gets his old place back; 0: nobody does."""
    comfort: Comfort = Comfort()
    callback: CallbackPolicy = CallbackPolicy()
    surge_agents: tuple[Id, ...] = ()
    """Agents of other departments who serve this queue only in surge mode."""
    music_class: Id = "default"
    record: bool = True
    # Numbers.
    threshold_s: float = Field(default=30.0, gt=0, le=3600)
    """The service level counts callers answered within this time."""
    target_share: float = Field(default=0.8, gt=0, lt=1)
    """The service level that agents are planned for."""
    staffing: QueueStaffing = QueueStaffing()
    short_abandon_s: float = Field(default=5.0, ge=0, le=600)


class Agent(Section):
    """A person who answers callers."""

    id: Id
    name: str = Field(default="", max_length=60)
    extension: Digits
    skills: Skills = {}
    queues: tuple[Id, ...] = ()
    """Empty: all queues."""
    preference: dict[Id, Annotated[int, Field(ge=1, le=10)]] = {}
    """Queue -> how gladly its callers are given to this agent: 1 first, 10 last; 5 where nothing is said."""
    devices: tuple[Digits, ...] = ()
    """Other seats of his. Whoever logs in (`*41`) from one of them sits there: his callers ring there from then on."""
    ready_at_login: bool = False
    """Whether he is ready as soon as he logs in; otherwise he is on a break until he says that he is ready."""
    outbound: bool = True
    """Whether he may be given outgoing calls: callbacks and campaigns."""
    remote_number: str = Field(default="", pattern=r"^[0-9]{0,20}$")
    """An external number that is rung instead of the seat; whoever answers there must press 1."""
