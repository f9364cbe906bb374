"""What happens to a caller between his entry into the line and the ring, besides music. Pure; each function moves one `Call`.

Announcements come on a fixed schedule from the time of entry (`first_after_s`, then every `every_s`), so that whoever adopts the call goes
on with it. Each says what is known and wanted: how many are before him, how long it will take, a message by turns. What the
router estimates (`WaitEstimated`) counts for a while; a range is only said while the router calls it calibrated, and then a promise is
told. A worse position than the last one said is kept from him: he was overtaken by somebody more urgent, and knows no use for it.

Nothing of this delays an offer: a ring takes the caller out of whatever plays (see `actions.ring` in telephony), and after every
announcement music goes on. Keys of the settings lead to a treatment at any time in the line; every other key means nothing.
"""

from hotline.facts import DigitPressed, WaitEstimated, WaitPromised
from hotline.ranges import SpokenRange, spoken_range
from hotline.settings.queues import Comfort
from ivr.flow.model import Prompt
from ivr.instead import treatments
from ivr.line import wait_words
from ivr.line.schedule import next_due, turn
from ivr.line.stay import Comforted, Heard
from ivr.sessions.call import Call

GOOD_FOR_S = 30.0
"""So long after it was heard an estimate is said."""
LOOK_AGAIN_S = 2.0
"""When nothing can be said because no estimate came yet, it is tried again after so long."""


# --- when ---------------------------------------------------------------------------------------------------------------


def due(call: Call) -> None:
    """The time for something has come to a caller who waits: his greeting, music that failed, or an announcement."""
    if call.greeting is not None:
        _greet(call)
    elif call.retries:
        call.start_music()
    else:
        _comfort_him(call)


def _greet(call: Call) -> None:
    """No ring came at once: let him hear the announcement of the queue, or music."""
    greeting, call.greeting = call.greeting, None
    if greeting and call.router:
        call.play(greeting, "announcing")
    else:
        call.wait()


def _comfort_him(call: Call) -> None:
    comfort, stay = call.comfort, call.stay
    if comfort is None or stay is None or not call.router:
        call.wait()  # it was the deadline of something that is over
        return
    prompt = _words(call, comfort)
    next_at = next_due(comfort, stay.entered_at, call.now)
    if prompt:
        call.tell("comforted")
        call.play(prompt, "announcing", interrupt="".join(comfort.keys))
    elif comfort.position or comfort.expected_wait:
        call.deadline = min(call.now + LOOK_AGAIN_S, next_at)
    else:
        call.deadline = next_at


# --- what ---------------------------------------------------------------------------------------------------------------


def learn(call: Call, event: WaitEstimated) -> None:
    """The router tells where he stands and how long it will take."""
    if call.stay is None or event.queue_id != call.stay.queue_id:
        call.ignore(event)
        return
    call.stay.comforted.heard = Heard(event, call.now)


def _words(call: Call, comfort: Comfort) -> Prompt:
    """Return what is said now, and tell the promise that lies in it."""
    assert call.stay is not None
    known = call.stay.comforted
    words: list[Prompt] = []
    if known.heard is not None and call.now - known.heard.at <= GOOD_FOR_S:
        words += _position(known, known.heard.estimate, comfort)
        words += _range(call, known.heard.estimate, comfort)
    if comfort.messages:
        number = turn(comfort, call.stay.entered_at, call.now)
        words.append(_message(call, comfort.messages[max(number, 0) % len(comfort.messages)]))
    return tuple(part for prompt in words for part in prompt)


def _position(known: Comforted, estimate: WaitEstimated, comfort: Comfort) -> list[Prompt]:
    before = max(estimate.position - 1, 0)
    if not comfort.position or (known.least_before is not None and before > known.least_before):
        return []
    known.least_before = before
    return [wait_words.position(before)]


def _range(call: Call, estimate: WaitEstimated, comfort: Comfort) -> list[Prompt]:
    if not (comfort.expected_wait and estimate.calibrated):
        return []
    said = spoken_range(estimate.p50_s, estimate.p90_s)
    prompt = wait_words.expected_wait(said)
    if not prompt:
        return []
    call.out.append(_promise(call, estimate, said))
    return [prompt]


def _promise(call: Call, estimate: WaitEstimated, said: SpokenRange) -> WaitPromised:
    assert said.high_s is not None
    return WaitPromised(
        at=call.now, call_id=call.call_id, queue_id=estimate.queue_id, low_s=said.low_s, high_s=said.high_s
    )


def _message(call: Call, name: str) -> Prompt:
    """Return a message: the flow's own, one of the house, or the operator's recording; nothing if there is none."""
    return call.flow.announcements.get(name) or wait_words.message(name) or call.means.announcements.get(name) or ()


# --- keys ---------------------------------------------------------------------------------------------------------------


def pressed(call: Call, event: DigitPressed) -> None:
    """A caller in the line pressed a key."""
    comfort = call.means.comfort.get(call.stay.queue_id) if call.stay is not None else None
    treatment = comfort.keys.get(event.digit) if comfort is not None else None
    if treatment is None or not call.router:
        call.ignore(event)
        return
    treatments.leave(call, treatment, reason="key")
