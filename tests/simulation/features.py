"""What can happen in a story: queues, agents and people who belong together. To test a feature under all the trouble, add an entry here.

Ids of queues and agents, and extensions, are a feature's own: features meet in one house. Whoever interferes from above (`orders.py`) does so
with all of them.
"""

from dataclasses import dataclass

from hotline.settings.queues import Agent, CallbackPolicy, Overflow, Queue, Relax
from tests.simulation import orders
from tests.simulation.people import ASKING, Person, at_work, callers, handing_on, known, redialling, wishes


@dataclass(frozen=True, kw_only=True)
class Feature:
    """A part of a story."""

    name: str
    queues: tuple[Queue, ...] = ()
    agents: tuple[Agent, ...] = ()
    people: tuple[Person, ...] = ()
    always: bool = False
    share: float = 0.13
    """In so many of the stories it takes part: few at a time, so that a story stays short; in thousands of them all meet."""


PLAIN = Feature(
    name="plain",
    always=True,
    queues=(
        Queue(id="a", ring_timeout_s=8, wrap_up_s=3, rest_after_no_answer_s=4, no_answers_before_break=2),
        Queue(
            id="b",
            ring_timeout_s=5,
            wrap_up_s=0,
            rest_after_no_answer_s=0,
            priority=2,
            skills={"card": 1},
            max_offers=3,
        ),
    ),
    agents=(
        Agent(id="1001", extension="1001", queues=("a", "b")),
        Agent(id="1002", extension="1002", queues=("a", "b"), skills={"card": 5, "english": 5}),
        Agent(id="1003", extension="1003", queues=("a",), skills={"english": 5}),
        Agent(id="1004", extension="1004", queues=("b",), skills={"card": 5}),
    ),
    people=(
        callers("a", every_s=3.0, priorities=(0, 0, 1)),
        callers("a", every_s=12.0, skills=("english",)),
        callers("b", every_s=8.0),
        at_work("1001", "1002", "1003", "1004"),
    ),
)

RING_ALL = Feature(
    name="ring all",
    queues=(Queue(id="all", strategy="ring_all", ring_timeout_s=6, wrap_up_s=2, rest_after_no_answer_s=3),),
    agents=tuple(Agent(id=e, extension=e, queues=("all",)) for e in ("1005", "1006", "1007")),
    people=(callers("all", every_s=6.0), at_work("1005", "1006", "1007")),
)

AGEING = Feature(
    name="ageing and levels",
    queues=(
        Queue(
            id="old",
            ring_timeout_s=6,
            wrap_up_s=1,
            ageing_per_minute=30,
            relax=(Relax(after_s=8, skills={"law": 2}), Relax(after_s=12, skills={"law": 0})),
            strategy="fewest_calls",
        ),
    ),
    agents=(
        Agent(id="1008", extension="1008", queues=("old",), skills={"law": 6}),
        Agent(id="1009", extension="1009", queues=("old",), skills={"law": 3}),
        Agent(id="1010", extension="1010", queues=("old",)),
    ),
    people=(
        callers("old", every_s=6.0, priorities=(0, 2, 5)),
        callers("old", every_s=9.0, skills=("law",), patience_s=25.0),
        at_work("1008", "1009", "1010"),
    ),
)

OVERFLOW = Feature(
    name="overflow",
    queues=(
        Queue(
            id="over",
            ring_timeout_s=6,
            wrap_up_s=1,
            max_waiting=4,
            overflow=(Overflow(when="waited", over=6, to="hang_up"), Overflow(when="nobody_logged_in", to="fallback")),
        ),
    ),
    agents=(Agent(id="1011", extension="1011", queues=("over",)),),
    people=(callers("over", every_s=4.0), at_work("1011")),
)

PROGRESSIVE = Feature(
    name="ring progressively",
    queues=(Queue(id="more", strategy="ring_progressive", ring_more_every_s=1.5, ring_timeout_s=7, wrap_up_s=2),),
    agents=tuple(Agent(id=e, extension=e, queues=("more",)) for e in ("1012", "1013", "1014")),
    people=(callers("more", every_s=6.0), at_work("1012", "1013", "1014")),
)

HANDED_ON = Feature(
    name="handed on",
    queues=(
        Queue(id="first", ring_timeout_s=6, wrap_up_s=1, transfer_timeout_s=6),
        Queue(id="second", ring_timeout_s=6, wrap_up_s=1, transfer_timeout_s=6, priority=1),
    ),
    agents=(
        Agent(id="1015", extension="1015", queues=("first",)),
        Agent(id="1016", extension="1016", queues=("first", "second")),
        Agent(id="1017", extension="1017", queues=("second",)),
    ),
    people=(
        callers("first", every_s=6.0, patience_s=30.0),
        at_work("1015", "1016", "1017", restless=0.1),
        handing_on("1015", "1016", "1017", to=("queue:second", "queue:first", "agent:1016", "agent:1017"), every_s=2.0),
    ),
    share=0.2,
)

_CALLS = CallbackPolicy(attempts=2, retry_after_s=3, expires_after_s=600, ring_timeout_s=6)

CALLED_BACK = Feature(
    name="called back",
    queues=(
        Queue(id="back", ring_timeout_s=6, wrap_up_s=1, callback=_CALLS.model_copy(update={"first": "agent"})),
        Queue(id="soon", ring_timeout_s=6, wrap_up_s=1, callback=_CALLS.model_copy(update={"first": "customer"})),
    ),
    agents=tuple(Agent(id=e, extension=e, queues=("back", "soon")) for e in ("1018", "1019")),
    people=(
        callers("back", every_s=10.0),
        callers("soon", every_s=10.0),
        wishes("back", "soon", every_s=8.0),
        at_work("1018", "1019"),
    ),
)

ASKED_FIRST = Feature(
    name="asked first",
    queues=(
        Queue(id="ask", ring_timeout_s=6, wrap_up_s=1, transfer_timeout_s=5),
        Queue(id="tell", ring_timeout_s=5, wrap_up_s=2, transfer_timeout_s=5),
    ),
    agents=(
        Agent(id="1020", extension="1020", queues=("ask",)),
        Agent(id="1021", extension="1021", queues=("ask", "tell")),
        Agent(id="1022", extension="1022", queues=("tell",)),
        Agent(id="1040", extension="1040", queues=("tell",), remote_number="13933333333"),
    ),
    people=(
        callers("ask", every_s=6.0, patience_s=40.0),
        at_work("1020", "1021", "1022", "1040", restless=0.1),
        handing_on(
            "1020", "1021", "1022", "1040", "1002",
            to=(
                "agent:1020", "agent:1021", "agent:1022", *("agent:1040",) * 3, "agent:1003", "queue:tell", "queue:a",
                "number:13900000001",
            ),
            every_s=0.6,
            asks=ASKING,
        ),
    ),
)  # fmt: skip

LAST_AGENT = Feature(
    name="last agent",
    queues=(Queue(id="again", ring_timeout_s=6, wrap_up_s=1, sticky="last_agent", sticky_s=4),),
    agents=tuple(Agent(id=e, extension=e, queues=("again",)) for e in ("1023", "1024")),
    people=(known("again", every_s=4.0, customers=("c1", "c2", "c3")), at_work("1023", "1024")),
)

PERSONAL_AGENT = Feature(
    name="personal agent",
    queues=(Queue(id="own", ring_timeout_s=6, wrap_up_s=1, sticky="personal_agent", sticky_s=5),),
    agents=tuple(Agent(id=e, extension=e, queues=("own",)) for e in ("1025", "1026")),
    people=(
        known("own", every_s=8.0, customers=("c4", "c5"), manager="1025"),
        callers("own", every_s=8.0),
        at_work("1025", "1026"),
    ),
)

SURGE = Feature(
    name="surge",
    queues=(
        Queue(id="rush", ring_timeout_s=6, wrap_up_s=1, surge_agents=("1028", "1029")),
        Queue(id="office", ring_timeout_s=6, wrap_up_s=1),
    ),
    agents=(
        Agent(id="1027", extension="1027", queues=("rush",)),
        Agent(id="1028", extension="1028", queues=("office",)),
        Agent(id="1029", extension="1029", queues=("office", "rush")),
    ),
    people=(
        callers("rush", every_s=3.0),
        callers("office", every_s=15.0),
        at_work("1027", "1028", "1029"),
        orders.now_and_then(4.0, orders.surge("rush")),
    ),
)

REMOTE = Feature(
    name="remote",
    queues=(Queue(id="far", ring_timeout_s=8, wrap_up_s=1, rest_after_no_answer_s=2),),
    agents=(
        Agent(id="1030", extension="1030", queues=("far",), remote_number="13911111111"),
        Agent(id="1031", extension="1031", queues=("far",), remote_number="13922222222"),
        Agent(id="1032", extension="1032", queues=("far",)),
    ),
    people=(callers("far", every_s=4.0), at_work("1030", "1031", "1032")),
)

RESUMED = Feature(
    name="resumed",
    queues=(Queue(id="redial", ring_timeout_s=6, wrap_up_s=2, resume_s=6),),
    agents=(Agent(id="1033", extension="1033", queues=("redial",)),),
    people=(
        callers("redial", every_s=6.0, patience_s=30.0),
        redialling("redial", every_s=3.0, resume_s=6.0),
        at_work("1033"),
    ),
)

OUTCOMES = Feature(
    name="outcomes",
    queues=(Queue(id="sales", ring_timeout_s=6, wrap_up_s=2, outcome_required=True),),
    agents=tuple(Agent(id=e, extension=e, queues=("sales",)) for e in ("1034", "1035")),
    people=(callers("sales", every_s=4.0), at_work("1034", "1035"), orders.now_and_then(1.5, orders.say_outcome)),
)

EMERGENCY = Feature(
    name="emergency",
    queues=(Queue(id="alarm", ring_timeout_s=6, wrap_up_s=2),),
    agents=(Agent(id="1036", extension="1036", queues=("alarm",)),),
    people=(
        callers("alarm", every_s=3.0),
        at_work("1036"),
        orders.now_and_then(5.0, orders.emergency("alarm")),
    ),
)

STEERED = Feature(name="steered", share=0.2, people=(orders.now_and_then(1.5, orders.steer),))
FORCED = Feature(name="forced", share=0.2, people=(orders.now_and_then(2.5, orders.force),))
SUPERVISED = Feature(name="supervised", share=0.2, people=(orders.now_and_then(1.0, orders.supervise),))

FEATURES: tuple[Feature, ...] = (
    PLAIN,
    RING_ALL,
    AGEING,
    OVERFLOW,
    PROGRESSIVE,
    HANDED_ON,
    CALLED_BACK,
    ASKED_FIRST,
    LAST_AGENT,
    PERSONAL_AGENT,
    SURGE,
    REMOTE,
    RESUMED,
    OUTCOMES,
    EMERGENCY,
    STEERED,
    FORCED,
    SUPERVISED,
)
