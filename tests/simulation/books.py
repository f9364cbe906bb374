"""What is written down at the end of a story: the journal's rows and the metrics, folded from all that was told, agree with each other.

Of a call whose node was out of sight for a while some facts are missing, which in the real house are concluded from Asterisk's own records:
its rows must be rows, and no more is asked of them. Of every other call everything is asked that `hotline audit` asks, and that

* the talks and holds of a conversation are without gap and overlap, and are as long as it was; two agents are in no talk at once;
* each question of an agent to another one ends in exactly one way;
* nobody counts as having served a caller who was not rung for him: no supervisor's leg is in any row.

In a story without any gap, with one router from its beginning to its end, the metrics count what the rows count.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise

from crm.audit.rules import check_call, counts_of
from crm.fold.projections import fold_call
from crm.fold.rows import CallRows, SegmentRow, moment
from hotline import facts as f
from hotline.ids import CallId, FactId, OfferId
from hotline.settings import Settings
from metrics.fold import OUTCOME_GRACE_S, Fold

NO_RECORDER = frozenset({"no_recording", "orphan_recording", "unasked_recording", "bad_recording"})
"""Findings of a house without a recorder."""
LATE = frozenset({"late_offer", "after_end"})
"""Findings that a router leaves behind which slept, died, or hears everything late."""
SLACK_S = 1e-3
COUNTED = ("calls_offered", "calls_answered", "calls_abandoned", "calls_flowed_out")


class Books:
    """The books of one story."""

    def __init__(self, settings: Settings, made: AbstractSet[OfferId], unseen: AbstractSet[CallId]) -> None:
        self._settings, self._made, self._unseen = settings, made, unseen

    def check(self, facts: Sequence[f.Fact], now: float, *, one_life: bool, punctual: bool) -> None:
        """Check them all. Raises AssertionError."""
        told = [fact for fact in dict.fromkeys(f_ for f_ in facts if isinstance(f_, f.CallFact)) if self._is_real(fact)]
        by_call: dict[CallId, list[f.CallFact]] = defaultdict(list)
        for fact in told:
            by_call[fact.call_id].append(fact)
        rows = [self._rows(call, of_call, now, punctual=punctual) for call, of_call in by_call.items()]
        if one_life and not self._unseen:
            self._check_counts(told, rows, now)

    def _is_real(self, fact: f.CallFact) -> bool:
        """Return whether an offer that a fact tells of was made, by a router or by an agent who asks somebody outside."""
        return not isinstance(fact, f.OfferFact) or not fact.offer_id.endswith(".e0.1")

    def _rows(self, call: CallId, told: Sequence[f.CallFact], now: float, *, punctual: bool) -> CallRows:
        rows = fold_call([_envelope(n, fact) for n, fact in enumerate(told)])
        if len(rows.offers) > 1:
            again = fold_call([_envelope(n, fact) for n, fact in reversed(list(enumerate(told)))])
            assert rows == again, f"9: the rows of {call} depend on the order of its facts"
        if call not in self._unseen:
            self._check_call(rows, told, now, punctual=punctual)
        return rows

    def _check_call(self, rows: CallRows, told: Sequence[f.CallFact], now: float, *, punctual: bool) -> None:
        call = rows.call.call_id
        spared = NO_RECORDER if punctual else NO_RECORDER | LATE
        found = [x for x in check_call(rows, moment(now)) if x.kind not in spared]
        assert not found, f"the audit finds of {call}: {found[0].kind}: {found[0].detail}"
        outside = {x.next_offer for x in told if isinstance(x, f.TransferStarted) and x.to.startswith("number:")}
        strange = [o.offer_id for o in rows.offers if o.offer_id not in self._made | outside]
        assert not strange, f"a row of {call} tells of an offer that nobody made: {strange}"
        if rows.call.ended_at is not None:
            _check_talks(rows)
            _check_questions(call, told)

    def _check_counts(self, told: Iterable[f.CallFact], rows: Sequence[CallRows], now: float) -> None:
        fold, counted = Fold(self._settings), Counter[str]()
        for fact in told:
            for seen in fold.handle(fact, now):
                counted[seen.metric] += int(seen.value) if seen.metric in COUNTED else 0
        broken = fold.check(now + OUTCOME_GRACE_S + 1.0)
        assert not broken, f"7: the metrics' books of a queue do not balance: {broken}"
        waits = counts_of(s for of_call in rows for s in of_call.segments if s.kind == "queue")
        written = (waits.offered, waits.answered, waits.abandoned, waits.flowed_out)
        assert tuple(counted[name] for name in COUNTED) == written, f"7: rows {written}, metrics {counted}"


def _envelope(number: int, fact: f.Fact) -> f.Envelope:
    return f.Envelope(fact_id=FactId(f"story-{number:06}"), source="story", seq=number, fact=fact)


def _check_talks(rows: CallRows) -> None:
    """The stretches of each conversation follow each other, and only one agent at a time has the caller."""
    call = rows.call.call_id
    with_caller = [s for s in rows.segments if s.kind in ("talk", "hold")]
    for before, after in pairwise(sorted(with_caller, key=lambda s: (s.began_at, s.ended_at or s.began_at))):
        same = before.offer_id == after.offer_id
        assert before.ended_at is not None, f"a conversation of {call} has no end"
        gap_s = (after.began_at - before.ended_at).total_seconds()
        assert gap_s >= -SLACK_S, f"1: two agents have {call}"
        assert not same or gap_s <= SLACK_S, f"a conversation of {call} has a hole"
    for offer in rows.offers:
        of_offer = [s for s in with_caller if s.offer_id == offer.offer_id]
        if of_offer and offer.talk_s is not None:
            lasted, told = _seconds(of_offer), offer.talk_s + (offer.hold_s or 0.0)
            assert abs(lasted - told) <= SLACK_S, f"the segments of {offer.offer_id} are {lasted} s, its talk {told} s"


def _seconds(segments: Iterable[SegmentRow]) -> float:
    return sum(s.duration_s or 0.0 for s in segments)


def _check_questions(call: CallId, told: Sequence[f.CallFact]) -> None:
    """Each ends in one way. What a node saw wins: a router that had not heard of a transfer may tell it too, or conclude that it failed."""
    begun = {x.next_offer for x in told if isinstance(x, f.TransferStarted) and x.kind == "attended"}
    completed = {x.next_offer for x in told if isinstance(x, f.TransferCompleted)}
    failed = Counter(x.next_offer for x in told if isinstance(x, f.TransferFailed))
    for offer in begun:
        assert failed[offer] == 1 or offer in completed, f"a question about {call} ended {failed[offer]} times"
