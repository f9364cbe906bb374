"""What callers hear and can press while they wait."""

from typing import Any

import msgspec
import pytest

from hotline import facts
from hotline.commands import Play, Remember, StartMusic
from hotline.facts import CallFlowedOut, WaitEstimated, WaitPromised
from hotline.ids import QueueId
from hotline.ranges import LADDER, SpokenRange, spoken_range
from hotline.settings.queues import Comfort
from hotline.settings.queues import Queue as ConfiguredQueue
from ivr.flow.model import Prompt, Say
from ivr.instead.means import Means
from ivr.line import wait_words
from ivr.sessions.session import Session
from tests.unit.ivr.making import CALL, NOW, SOUNDS, Caller, adopted, arrived, flow, heard, offer_made, only, results

SALES = QueueId("sales")


class Waiting(Caller):
    """A caller of `sales` whose queue has some comfort."""

    def __init__(self, event: Any = None, *, grace_s: float = 0.0, **comfort: Any) -> None:
        self.now = NOW
        means = Means(comfort={SALES: Comfort(**comfort)}, grace_s=grace_s)
        self.session, self.last = Session.start(event or arrived(), flow(), now=NOW, sounds=SOUNDS, means=means)
        self.all = list(self.last)

    def estimated(self, position: int, p50_s: float = 170, p90_s: float = 280, *, calibrated: bool = True) -> list[Any]:
        return self.tell(
            WaitEstimated(
                at=self.now, call_id=CALL, queue_id=SALES, position=position, p50_s=p50_s, p90_s=p90_s, calibrated=calibrated
            )
        )  # fmt: skip

    def at(self, seconds: float) -> list[Any]:
        """Let time pass until so long after the arrival; prompts end by themselves, and what is due is done."""
        out: list[Any] = []
        while True:
            due = self.session.next_deadline()
            playing = self.session.state == "announcing"
            ends = self.playing_ends_at if playing else float("inf")
            if min(ends, due if due is not None else float("inf")) > NOW + seconds:
                break
            if playing and (due is None or ends <= due):
                self.now = max(self.now, ends)
                out += self.play_ends()
            else:
                out += self.deadline_comes()
        self.now = max(self.now, NOW + seconds)
        return out

    @property
    def playing_ends_at(self) -> float:
        return self.session._call.play_ends_at


def spoken(prompt: Prompt, language: str) -> str:
    return "".join(part.texts[language] for part in prompt if isinstance(part, Say))


def said(outputs: list[Any], *prompts: Prompt) -> bool:
    """Return whether exactly these prompts were said one after the other, in one announcement."""
    return heard(outputs) == [SOUNDS.resolve(tuple(part for p in prompts for part in p), "en")]


# --- the schedule -----------------------------------------------------------------------------------------------------------


def test_announcements_come_on_a_schedule_from_the_entry_and_music_goes_on_after_each() -> None:
    call = Waiting(first_after_s=20, every_s=30, messages=("thanks", "busy")).to_queue()
    entered = only(call.all, facts.CallQueued)[0].entered_at - NOW
    assert call.at(entered + 19.9) == []
    first = call.at(entered + 20)
    assert said(first, wait_words.message("thanks"))
    assert [type(o) for o in call.at(entered + 49)] == [StartMusic]
    assert said(call.at(entered + 50), wait_words.message("busy"))
    assert said(call.at(entered + 80)[-2:], wait_words.message("thanks"))
    assert call.session.state == "announcing"


def test_who_waits_hears_how_many_are_before_him_and_a_range() -> None:
    call = Waiting(first_after_s=5, every_s=60, position=True, expected_wait=True).to_queue()
    call.estimated(4)
    out = call.at(8)
    assert said(out, wait_words.position(3), wait_words.expected_wait(SpokenRange(2, 5)))
    (promise,) = only(out, WaitPromised)
    assert (promise.queue_id, promise.low_s, promise.high_s) == (SALES, 120.0, 300.0)
    assert ("sales", "comforted") in results(out)


@pytest.mark.parametrize(
    ("more", "p50_s", "p90_s"), [({"calibrated": False}, 100, 200), ({}, 4000, 9000), ({}, 1000, 9000)]
)
def test_no_range_is_said_that_is_not_calibrated_or_has_no_end(
    more: dict[str, bool], p50_s: float, p90_s: float
) -> None:
    call = Waiting(first_after_s=5, every_s=60, position=True, expected_wait=True).to_queue()
    call.estimated(2, p50_s, p90_s, **more)
    out = call.at(8)
    assert said(out, wait_words.position(1))
    assert not only(out, WaitPromised)


def test_only_what_is_wanted_is_said() -> None:
    call = Waiting(first_after_s=5, every_s=60, expected_wait=True).to_queue()
    call.estimated(3)
    assert said(call.at(8), wait_words.expected_wait(SpokenRange(2, 5)))
    silent = Waiting(first_after_s=5, every_s=60).to_queue()
    silent.estimated(3)
    assert silent.at(600) == []
    assert silent.session.next_deadline() is None


def test_a_worse_position_than_the_last_one_is_not_said() -> None:
    call = Waiting(first_after_s=5, every_s=20, position=True, messages=("thanks",)).to_queue()
    for at, position, words in ((5, 4, (wait_words.position(3),)), (25, 5, ()), (45, 2, (wait_words.position(1),))):
        call.at(at - 1)
        call.estimated(position)
        out = [o for o in call.at(at) if isinstance(o, Play)]
        assert said(out, *words, wait_words.message("thanks")), at


def test_an_estimate_that_is_old_or_of_another_queue_is_not_said() -> None:
    call = Waiting(first_after_s=60, every_s=60, position=True).to_queue()
    call.estimated(4)
    call.tell(
        WaitEstimated(at=NOW, call_id=CALL, queue_id=QueueId("service"), position=1, p50_s=1, p90_s=2, calibrated=True)
    )
    assert heard(call.at(66)) == []
    call.estimated(3)
    assert said(call.at(70), wait_words.position(2))


def test_messages_that_nobody_knows_are_skipped() -> None:
    call = Waiting(first_after_s=5, every_s=20, messages=("nonsense",)).to_queue()
    assert call.at(200) == []
    assert call.session.state == "waiting"


# --- offers -----------------------------------------------------------------------------------------------------------------


def test_an_offer_during_an_announcement_is_not_delayed_and_nothing_is_said_while_it_rings() -> None:
    call = Waiting(first_after_s=5, every_s=20, messages=("thanks",)).to_queue()
    call.at(6)
    assert call.session.state == "announcing"
    assert call.tell(offer_made("o1")) == []
    assert call.session.state == "ringing"
    assert [o for o in call.at(20) if isinstance(o, Play)] == []


def test_after_a_ring_in_vain_the_schedule_goes_on() -> None:
    call = Waiting(first_after_s=10, every_s=20, messages=("thanks",)).to_queue()
    entered = only(call.all, facts.CallQueued)[0].entered_at - NOW
    call.tell(offer_made("o1"))
    call.now = NOW + entered + 15
    call.offered(facts.OfferTimedOut, "o1")
    assert [type(o) for o in call.returned("o1", answered=False)] == [StartMusic]
    assert call.session.next_deadline() == NOW + entered + 30
    assert said(call.at(entered + 30), wait_words.message("thanks"))


def test_who_is_adopted_goes_on_with_his_schedule() -> None:
    before = Waiting(first_after_s=10, every_s=20, messages=("thanks", "busy")).to_queue()
    place = only(before.all, Remember)[-1].place
    found = msgspec.structs.replace(place, entered_at=NOW - 25.0)
    call = Waiting(adopted("session", found), first_after_s=10, every_s=20, messages=("thanks", "busy"))
    assert only(call.last, StartMusic)
    assert call.session.next_deadline() == NOW + 5.0
    assert said(call.at(5), wait_words.message("busy"))


# --- the grace ----------------------------------------------------------------------------------------------------------------


def queued(call: Waiting) -> list[Any]:
    call.to_menu().press("1")
    return call.last


def test_nothing_is_played_before_the_grace_is_over() -> None:
    call = Waiting(grace_s=0.15)
    assert not [o for o in queued(call) if isinstance(o, Play | StartMusic)]
    assert call.session.next_deadline() == pytest.approx(call.now + 0.15)
    assert len(heard(call.deadline_comes())) == 1
    assert call.session.state == "announcing"
    assert only(call.play_ends(), StartMusic)


def test_a_ring_within_the_grace_saves_the_announcement_for_good() -> None:
    call = Waiting(grace_s=0.15)
    queued(call)
    assert call.tell(offer_made("o1")) == []
    call.now += 5
    call.offered(facts.OfferTimedOut, "o1")
    assert [type(o) for o in call.returned("o1", answered=False)] == [StartMusic]


# --- keys -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("while_announcing", [False, True])
def test_a_key_leads_to_its_treatment_and_the_router_is_told(while_announcing: bool) -> None:
    call = Waiting(first_after_s=5, every_s=60, messages=("thanks",), keys={"1": "queue:service"}).to_queue()
    if while_announcing:
        call.at(6)
        assert call.session.state == "announcing"
    out = call.press("1")
    (left,) = only(out, CallFlowedOut)
    assert (left.queue_id, left.reason, left.treatment) == (SALES, "key", "queue:service")
    (joined,) = only(out, facts.CallQueued)
    assert (joined.queue_id, joined.since, joined.before) == (QueueId("service"), left.entered_at, (SALES,))
    assert out.index(left) < out.index(joined)


def test_other_keys_mean_nothing_and_do_not_stop_the_announcement() -> None:
    call = Waiting(
        first_after_s=5, every_s=60, messages=("thanks",), keys={"1": "voicemail", "2": "hang_up"}
    ).to_queue()
    (play,) = only(call.at(6), Play)
    assert play.interrupt == "12"
    assert call.press("345") == []
    assert call.session.state == "announcing"


def test_a_key_while_it_rings_means_nothing() -> None:
    call = Waiting(keys={"1": "hang_up"}).to_queue()
    call.tell(offer_made("o1"))
    assert call.press("1") == []


# --- the words ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "zh", "en"),
    [
        (0, "您是下一位。", "You are next in line."),
        (1, "您前面还有一位在等候。", "There is one caller before you."),
        (2, "您前面还有两位在等候。", "There are2callers before you."),
        (3, "您前面还有三位在等候。", "There are3callers before you."),
        (10, "您前面还有十位在等候。", "There are10callers before you."),
        (12, "您前面还有十二位在等候。", "There are12callers before you."),
        (20, "您前面还有二十位在等候。", "There are20callers before you."),
        (99, "您前面还有九十九位在等候。", "There are99callers before you."),
        (100, "您前面还有一百位以上在等候。", "There are more than a hundred callers before you."),
        (5000, "您前面还有一百位以上在等候。", "There are more than a hundred callers before you."),
    ],
)
def test_positions_are_spoken_as_people_say_them(before: int, zh: str, en: str) -> None:
    prompt = wait_words.position(before)
    assert (spoken(prompt, "zh"), spoken(prompt, "en")) == (zh, en)


def test_ranges_are_spoken_as_people_say_them() -> None:
    assert spoken(wait_words.expected_wait(SpokenRange(3, 5)), "zh") == "预计还要等候大约三到五分钟。"
    assert spoken(wait_words.expected_wait(SpokenRange(2, 12)), "zh") == "预计还要等候大约两到十二分钟。"
    assert spoken(wait_words.expected_wait(SpokenRange(0, 2)), "zh") == "预计等候时间不到两分钟。"
    assert spoken(wait_words.expected_wait(SpokenRange(0, 1)), "en") == "The expected wait is less than1 minute."
    assert wait_words.expected_wait(SpokenRange(60, None)) == ()


@pytest.mark.parametrize(
    ("p50_s", "p90_s", "low", "high"),
    [
        (10, 50, 0, 1), (10, 61, 0, 2), (70, 110, 1, 2), (170, 290, 2, 5), (180, 300, 3, 5), (290, 299, 4, 5),
        (3500, 3600, 50, 60), (0, 0, 0, 1), (1000, 3601, 15, None), (9000, 20000, 60, None),
    ],
)  # fmt: skip
def test_ranges_are_rounded_outwards_to_round_numbers(p50_s: float, p90_s: float, low: int, high: int | None) -> None:
    assert spoken_range(p50_s, p90_s) == SpokenRange(low, high)


def test_a_lower_end_is_spoken_with_its_to_because_alone_it_would_sound_like_a_number() -> None:
    prompt = wait_words.expected_wait(SpokenRange(2, 3))
    for language, texts in (("en", ["2 to", "3 minutes."]), ("zh", ["两到", "三分钟。"])):
        assert [say.texts[language] for say in prompt if isinstance(say, Say)][1:] == texts


def test_a_short_line_needs_few_numbers() -> None:
    made = wait_words.wait_says([ConfiguredQueue(id="q", max_waiting=3, comfort=Comfort(position=True))])
    names = {say.name for say in made}
    assert "wait.position.12" in names, "people may be moved in beyond the limit"
    assert not names & {"wait.position.13", "wait.many"}


def test_everything_that_can_be_said_is_made_before_the_first_call() -> None:
    comfort = Comfort(position=True, expected_wait=True, messages=("thanks", "elsewhere"))
    made = {
        (say.name, text)
        for say in wait_words.wait_says([ConfiguredQueue(id="q", comfort=comfort)])
        for text in say.texts.values()
    }
    can_be_said = [wait_words.position(n) for n in range(200)] + [wait_words.message("thanks")]
    can_be_said += [
        wait_words.expected_wait(spoken_range(p50, p50 * k)) for p50 in range(0, 4000, 13) for k in (1, 2, 5)
    ]
    for prompt in can_be_said:
        for part in prompt:
            assert isinstance(part, Say)
            assert {(part.name, text) for text in part.texts.values()} <= made
    names = [say.name for say in wait_words.wait_says([ConfiguredQueue(id="q", comfort=comfort)])]
    assert len(names) == len(set(names))
    assert not wait_words.wait_says([ConfiguredQueue(id="q")])


def test_messages_that_nobody_will_hear_are_told_at_the_start() -> None:
    queue = ConfiguredQueue(id="q", comfort=Comfort(messages=("thanks", "story", "nonsense")))
    (sentence,) = wait_words.unknown_messages([queue], {"story"})
    assert "queue q" in sentence
    assert "`nonsense`" in sentence


def test_the_ladder_of_minutes_ascends() -> None:
    assert list(LADDER) == sorted(set(LADDER))
