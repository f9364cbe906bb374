"""Signals between routers and nodes."""

from hotline.facts.base import Signal
from hotline.facts.callbacks import CallbackRequested
from hotline.facts.calls import CallAdopted
from hotline.facts.signals import SeatChanged
from hotline.facts.supervision import SupervisionMode
from hotline.ids import CallId, NodeId, QueueId, SupervisionId


class AnnouncementDue(Signal, frozen=True, kw_only=True):
    """The router wants one who waits to hear an announcement now; he waits on."""

    call_id: CallId
    queue_id: QueueId
    name: str


class OutgoingAsked(Signal, frozen=True, kw_only=True):
    """A call flow wants to lead its caller to a number outside: may it now, by the limits of the whole house? Asked again until answered."""

    call_id: CallId
    node: NodeId
    number: str
    """In the form of `hotline.dialling.dialable`. Personal data."""


class OutgoingAnswered(Signal, frozen=True, kw_only=True):
    """The active router's answer. What is granted counts as an outgoing call from now on, until it or the caller's call is over."""

    call_id: CallId
    number: str
    refusal: str = ""
    """A reason of `hotline.dialling`; empty: granted."""


class CallbackPending(Signal, frozen=True, kw_only=True):
    """The journal holds a wish to be called back that seems not to be over: a router that does not know it takes it up."""

    wish: CallbackRequested
    calls: int = 0
    """How many calls were made for it: the next one has another name."""


class WaitEstimated(Signal, frozen=True, kw_only=True):
    """The router's estimate for one who waits: his place, and how much longer it will take."""

    call_id: CallId
    queue_id: QueueId
    position: int
    """1: he is next."""
    p50_s: float
    p90_s: float
    calibrated: bool
    """Whether past estimates of this queue came true often enough to be said to callers."""


class RouterActive(Signal, frozen=True, kw_only=True):
    """The sign of life of the one router that distributes calls; told several times a second.

    A node that is not among `surveyed` answers with `NodeSurveyed`: so a router that has just begun learns of every living
    call, and of every seat, however many signals were lost on the way.
    """

    router: str
    """The process it runs in."""
    epoch: int
    """Its term of office; grows with every change, 0 where there is no office (one process)."""
    surveyed: tuple[NodeId, ...] = ()
    """The nodes of which this router has heard since its term began."""


class NodeSurveyed(Signal, frozen=True, kw_only=True):
    """Everything that a node knows, told anew to a router that has just begun its term. Changes nothing for who knew it."""

    node: NodeId
    epoch: int
    """The term of the router that it is for."""
    calls: tuple[CallAdopted, ...]
    seats: tuple[SeatChanged, ...]
    supervisions: tuple[SupervisionId, ...] = ()
    heard: tuple[tuple[SupervisionId, SupervisionMode], ...] = ()


class RouterStandsBy(Signal, frozen=True, kw_only=True):
    """The sign of life of a router that waits for the active one to fail."""

    router: str
    follows: str = ""
    """The active router whose memory it has, and up to which revision; empty when it has none and asks for all of it."""
    revision: int = 0


class RouterRemembered(Signal, frozen=True, kw_only=True):
    """What the active router must know across its own death changed: for those who stand by."""

    router: str
    epoch: int
    revision: int
    """Counts the changes of one router's term; a gap means that something was lost, and all must be asked for again."""
    whole: bool = False
    """Whether `values` is everything and replaces what was known."""
    part: int = 0
    parts: int = 1
    """Of `whole`: it comes in so many parts of one revision, counted from 0; all of them together are everything."""
    values: dict[str, bytes | None]
    """Key -> value; None: forgotten."""
