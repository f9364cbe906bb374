"""Signals of the telephones: they matter now or not at all, and are not kept."""

from typing import Literal

from hotline.facts.base import Signal
from hotline.facts.supervision import SupervisionMode
from hotline.ids import AgentId, CallId, Extension, LegId, NodeId, OfferId, PlayId, QueueId, SupervisionId


class DigitPressed(Signal, frozen=True, kw_only=True):
    """The caller pressed a key (`0-9*#A-D`). Also sent for digits during a prompt."""

    call_id: CallId
    digit: str


class PlayEnded(Signal, frozen=True, kw_only=True):
    """A `Play` command is over."""

    call_id: CallId
    play_id: PlayId
    result: Literal["finished", "interrupted", "failed"]


class CallReturned(Signal, frozen=True, kw_only=True):
    """After a ring or a conversation the caller is back in our hands (in AsyncAGI), lease armed."""

    call_id: CallId
    offer_id: OfferId
    answered: bool
    transfer: str = ""
    """Whom the agent handed him on to, in the words of `hotline.transfers`; empty: to nobody."""
    transferred_by: AgentId | None = None
    transfer_queue: QueueId | None = None
    """The queue in which that agent served him."""


class CallCameBack(Signal, frozen=True, kw_only=True):
    """A caller whom the dialplan led by itself is back in our hands, lease armed."""

    call_id: CallId
    errand: Literal["message", "number"]
    """What he was sent for: to leave a message, to talk with a number outside."""
    result: Literal["done", "failed", "unknown"]


class SeatChanged(Signal, frozen=True, kw_only=True):
    """A seat's phone changed: can it be rung, and is it in a call?"""

    extension: Extension
    reachable: bool
    in_use: bool
    node: NodeId = NodeId("")
    """The node that tells it; a phone is registered at one of them, and unreachable for the others."""


class SnapshotTaken(Signal, frozen=True, kw_only=True):
    """A look at all channels of a node was compared with what we knew; `living` is every call there is."""

    node: NodeId
    living: tuple[CallId, ...]
    supervisions: tuple[SupervisionId, ...] = ()
    """Every supervisor's seat that is rung, or with a conversation."""
    heard: tuple[tuple[SupervisionId, SupervisionMode], ...] = ()
    """Those of them that are with one, and how."""


class SupervisionSeen(Signal, frozen=True, kw_only=True):
    """What the phone network tells of a supervisor's seat."""

    node: NodeId
    supervision_id: SupervisionId
    state: Literal["listen", "whisper", "barge", "over", "unanswered"]
    reason: str = ""
    """Of `unanswered`: `no_answer`, `busy` or `refused`."""


class FeatureCodeDialled(Signal, frozen=True, kw_only=True):
    """A seat dialled `*4…`; answer with `commands.AnswerFeature` on the same `session`."""

    session: LegId
    node: NodeId
    extension: Extension
    code: str
    """The digits after the star: `41`, `42`, `43`, `431` … `439`, `44`, `45`, `461` … `469`."""


class AgentKeyed(Signal, frozen=True, kw_only=True):
    """An agent keyed in a code while he talks with a caller, or keeps him on hold; see `hotline.transfers.press`."""

    node: NodeId
    call_id: CallId
    offer_id: OfferId
    step: Literal["hold", "consult", "transfer", "swap", "conference", "complete", "cancel", "feature"]
    digits: str = ""
    """Whom to, or the rest of a feature code, as he keyed it in."""
