"""Whatever order and repetition facts come in, the books of each queue balance."""

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.facts import Fact
from hotline.ids import QueueId
from hotline.settings import Settings
from hotline.settings.queues import Queue
from metrics.board import Board
from metrics.definitions import by_name
from metrics.fold import OUTCOME_GRACE_S, Fold
from tests.support.stories import ENDINGS, Ending, story

NOW = 1_773_115_200.0
CALLS = st.lists(
    st.tuples(st.sampled_from(ENDINGS), st.sampled_from(["service", "sales", "?"]), st.integers(0, 3)), max_size=12
)


def _interleaved(stories: list[list[Fact]], order: random.Random) -> list[Fact]:
    """Mix the stories, each in its own order, as one bus would deliver them; some facts come twice, at once or later."""
    owners = [i for i, facts in enumerate(stories) for _ in facts]
    order.shuffle(owners)
    rest = [iter(facts) for facts in stories]
    told: list[Fact] = []
    for owner in owners:
        fact = next(rest[owner])
        told += [fact] * order.choice([1, 1, 1, 2])
        if order.random() < 0.1:
            told.append(order.choice(told))
    return told


@settings(max_examples=60, deadline=None)
@given(calls=CALLS, seed=st.randoms(use_true_random=False), skipped=st.sampled_from([0, 1, 2, 3, 4]))
def test_the_books_balance_at_every_moment_and_repetitions_count_once(
    calls: list[tuple[Ending, str, int]], seed: random.Random, skipped: int
) -> None:
    """`skipped`: the first facts of each story happened before this process began to listen."""
    house = Settings(queues=(Queue(id="service"), Queue(id="sales")))
    fold, board = Fold(house), Board(house)
    stories = [
        story(i, end=NOW - late, ending=ending, queue=QueueId(q))[skipped:] for i, (ending, q, late) in enumerate(calls)
    ]
    for fact in _interleaved(stories, seed):
        for seen in fold.handle(fact, NOW):
            board.apply(seen)
        assert fold.check(NOW) == []
    assert fold.check(NOW + OUTCOME_GRACE_S + 1) == []
    for queue in ("service", "sales", "other"):
        entered = [e for e, q, _ in calls if (q if q != "?" else "other") == queue and e != "left_menu"]
        assert board.count_of("calls_answered", queue=queue) == sum(e.startswith("answered") for e in entered)
        assert board.count_of("calls_offered", queue=queue) == len(entered)


@given(order=st.permutations(range(12)), ending=st.sampled_from(ENDINGS))
@settings(max_examples=60, deadline=None)
def test_facts_of_one_call_in_any_order_never_raise_and_never_count_more_than_one_outcome(
    order: list[int], ending: Ending
) -> None:
    house = Settings()
    fold, board = Fold(house), Board(house)
    facts = story(1, end=NOW, ending=ending)
    for index in order:
        for fact in itertools.islice(facts, index, index + 1):
            for seen in fold.handle(fact, NOW):
                board.apply(seen)
    counted = by_name()
    outcomes = sum(
        sum(board.counts(counted[m]).values()) for m in ("calls_answered", "calls_abandoned", "calls_flowed_out")
    )
    assert outcomes <= board.count_of("calls_offered", queue="service") <= 1
    assert len(fold.levels(NOW)) > 0
