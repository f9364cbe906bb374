"""What happened to those who asked to be called back, from the facts of the journal. Pure.

As it was: who left a number, when, by a key or because the queue let him out, his place, each time that his phone was rung (how long, and what
came of it), how long he talked, who was cancelled and when. What the router decided (when he was called, and by whom) is no part of it: the
replayed router decides that anew. What nobody can know is drawn: see `wishes_of`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from math import inf

import msgspec

from acd.simulation.called_back import ARRIVES_S
from acd.simulation.day import Dialled, Wish
from acd.simulation.streams import Stream, Streams
from hotline.facts import (
    CallbackAttempted,
    CallbackEnded,
    CallbackFact,
    CallbackPutOff,
    CallbackRefused,
    CallbackRequested,
    CallEnded,
    CallFact,
    CallFlowedOut,
    CustomerDialled,
    Fact,
    OfferAccepted,
    OfferMade,
    TalkEnded,
)
from hotline.facts.callbacks import NO_ATTEMPT
from hotline.ids import CallbackId, CallId, QueueId

NOMINAL_RINGS_S = 8.0
"""For queues of which no customer was ever dialled."""
MOST_DIALLED = 20
"""More attempts than that no queue makes."""


class Story(msgspec.Struct, kw_only=True):
    """One callback as it really was."""

    asked: CallbackRequested
    left: CallFlowedOut | None = None
    """How its caller left the line for it."""
    dialled: list[Dialled] = []
    attempts: int = 0
    talk_s: float | None = None
    wrap_up_s: float | None = None
    ring_s: float | None = None
    """How long the agent's phone rang that was answered."""
    refused: bool = False
    ended: CallbackEnded | None = None


class _Call(msgspec.Struct, kw_only=True):
    """A call that was made for one."""

    story: Story
    dialled_at: float
    first: str
    answered_at: float | None = None
    offered_at: float | None = None
    accepted_at: float | None = None


class Stories:
    """All of them, fact by fact, in order; facts before `begin` are of callbacks that were open then."""

    def __init__(self, begin: float) -> None:
        self.begin = begin
        self.by_id: dict[CallbackId, Story] = {}
        self._calls: dict[CallId, _Call] = {}
        self._left: dict[CallId, CallFlowedOut] = {}

    def __iter__(self) -> Iterator[Story]:
        return iter(self.by_id.values())

    def of_call(self, call_id: CallId) -> Story | None:
        """Return the callback for which a call was made."""
        made = self._calls.get(call_id)
        return made.story if made is not None else None

    def take(self, fact: Fact) -> None:
        """Learn a fact."""
        match fact:
            case CallFlowedOut(treatment="callback"):
                self._left[fact.call_id] = fact
            case CallbackRequested():
                left = self._left.pop(fact.of_call, None) if fact.of_call is not None else None
                self.by_id[fact.callback_id] = Story(asked=fact, left=left)
            case CallbackFact() if fact.callback_id in self.by_id:
                self._called_back(self.by_id[fact.callback_id], fact)
            case CallFact() if fact.call_id in self._calls:
                _called(self._calls[fact.call_id], fact)

    def _called_back(self, story: Story, fact: CallbackFact) -> None:
        match fact:
            case CallbackAttempted():
                self._calls[fact.call_id] = _Call(story=story, dialled_at=fact.at + ARRIVES_S, first=fact.first)
            case CallbackPutOff() if fact.result not in NO_ATTEMPT and fact.at >= self.begin:
                story.attempts += 1
            case CallbackRefused():
                story.refused = True
            case CallbackEnded():
                story.ended = fact
                story.attempts += fact.result == "reached"


def _called(made: _Call, fact: CallFact) -> None:
    story = made.story
    match fact:
        case OfferMade():
            made.offered_at = fact.at
        case OfferAccepted() if made.accepted_at is None:
            made.accepted_at = fact.at
            story.ring_s = fact.at - made.offered_at if made.offered_at is not None else None
            if made.first == "agent":
                made.dialled_at = fact.at
        case CustomerDialled():
            story.dialled.append(Dialled(result=fact.result, rings_s=max(fact.at - made.dialled_at, 0.0)))
            made.answered_at = fact.at if fact.result == "answered" else None
        case TalkEnded() if made.accepted_at is not None and made.answered_at is not None and story.talk_s is None:
            story.talk_s = fact.at - max(made.accepted_at, made.answered_at)
        case CallEnded() if made.answered_at is not None and made.accepted_at is None and story.dialled:
            last = story.dialled[-1]
            story.dialled[-1] = msgspec.structs.replace(last, holds_s=fact.at - made.answered_at)


# --- what is played -----------------------------------------------------------------------------------------------------


def wishes_of(stories: Iterable[Story], streams: Streams) -> tuple[Wish, ...]:
    """Return the callbacks to be played.

    Drawn from those of their queue: what comes of ringing a phone more often than it was rung, and the talk of who was not reached. A
    customer who answered while no agent was there, and stayed, stays as long as it takes.
    """
    stories = [story for story in stories if not story.refused]
    pools = _Pools(stories, streams)
    return tuple(pools.wish(story) for story in sorted(stories, key=lambda s: (s.asked.at, s.asked.callback_id)))


class _Pools:
    """What others of the queue did."""

    def __init__(self, stories: list[Story], streams: Streams) -> None:
        self._dialled: dict[QueueId, list[Dialled]] = defaultdict(list)
        self._talks: dict[QueueId, list[tuple[float, float]]] = defaultdict(list)
        self._rings = sorted(story.ring_s for story in stories if story.ring_s is not None)
        self._streams = streams
        for story in stories:
            self._dialled[story.asked.queue_id] += story.dialled
            if story.talk_s is not None:
                self._talks[story.asked.queue_id].append((story.talk_s, story.wrap_up_s or 0.0))

    def wish(self, story: Story) -> Wish:
        asked, luck = story.asked, self._streams.of(f"callback.{story.asked.callback_id}")
        drawn = (self._drawn(asked.queue_id, luck) for _ in range(MOST_DIALLED - len(story.dialled)))
        talk_s, wrap_up_s = story.talk_s, story.wrap_up_s or 0.0
        others = self._talks.get(asked.queue_id)
        if talk_s is None and others:
            talk_s, wrap_up_s = others[int(luck.random() * len(others))]
        usual_s = self._rings[len(self._rings) // 2] if self._rings else 0.0
        cancelled = story.ended if story.ended is not None and story.ended.result == "cancelled" else None
        return Wish(
            asked=asked,
            left_by_key=story.left is not None and story.left.reason == "key",
            left_at=story.left.at if story.left is not None else None,
            dialled=(*story.dialled, *drawn),
            talk_s=talk_s,
            wrap_up_s=wrap_up_s,
            ring_s=usual_s if story.ring_s is None else story.ring_s,
            cancelled_at=cancelled.at if cancelled is not None else None,
        )

    def _drawn(self, queue_id: QueueId, luck: Stream) -> Dialled:
        known = self._dialled.get(queue_id)
        if not known:
            return Dialled(result="answered", rings_s=NOMINAL_RINGS_S)
        return msgspec.structs.replace(known[int(luck.random() * len(known))], holds_s=inf)
