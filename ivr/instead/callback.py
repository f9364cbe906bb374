"""How a caller asks to be called back: at the number he calls from, or at one that he types. Pure; each function moves one `Call`.

    offering    "We call you back at 1 3 8 …: press 1. Another number: press 2."   (also to confirm what was typed)
    typing      "Please type the number, then the hash key." `*` begins anew

Numbers are judged by `hotline.dialling` before they are read back, so nobody is promised what may not be dialled. He has left the line
when this begins, and his place is what the wish keeps; whoever does not say a number gets his place in the line back. The wish is told as
`CallbackRequested`; then he hears a farewell. A caller who hangs up before has asked for nothing.
"""

import msgspec

from hotline import dialling
from hotline.facts import CallbackRequested, DigitPressed, PlayEnded
from hotline.ids import CallbackId
from ivr.flow.model import Prompt, Say
from ivr.instead.wish import Wish
from ivr.sessions.call import Call

TRIES = 3
"""So many questions in a row without a usable answer, and he waits on."""
ANSWER_S = 6.0
"""How long an answer, and each digit of a number, may take."""
DIGITS_MAX = 20


def _say(name: str, zh: str, en: str, *fallback: str) -> Say:
    return Say(name=f"callback.{name}", texts={"zh": zh, "en": en}, fallback=fallback)


_AT = _say("at", "我们将回拨您的号码：", "We will call you back at:", "vm-num-i-have")
_CHOOSE = _say(
    "choose",
    "确认请按一，使用其他号码请按二。",
    "To confirm, press 1. For another number, press 2.",
    "vm-press",
    "digits/1",
)
_TYPE = _say(
    "type",
    "请输入您希望我们回拨的电话号码，按井号键结束。",
    "Please enter the number at which we may call you, then press the hash key.",
    "vm-enter-num-to-call",
)
_CANNOT = _say("cannot", "抱歉，无法回拨该号码。", "Sorry, we cannot call this number.", "cannot-complete-as-dialed")
_FAREWELL = _say(
    "farewell",
    "好的，您的排队位置已保留，轮到您时我们会给您回电。谢谢，再见。",
    "Thank you. You keep your place, and we will call you when it is your turn. Goodbye.",
    "auth-thankyou",
    "vm-goodbye",
)
_SPOKEN = "零幺二三四五六七八九"  # in telephone numbers one is said 幺
_DIGITS = {str(d): _say(f"digit.{d}", _SPOKEN[d], str(d), f"digits/{d}") for d in range(10)}


def callback_says() -> tuple[Say, ...]:
    """Return everything that is said here: to be spoken before the first call."""
    return (_AT, _CHOOSE, _TYPE, _CANNOT, _FAREWELL, *_DIGITS.values())


def begin(call: Call, _wanted: object = None) -> None:
    """Begin to ask a caller who has left the line."""
    number = _permitted(call, call.caller_number)
    call.wish = Wish(stage="offering" if number else "typing", number=number)
    call.tell("callback")
    _ask(call)


def _permitted(call: Call, text: str) -> str:
    """Return a number as it would be dialled, or nothing if it may never be."""
    number = dialling.dialable(text, call.means.outbound)
    refusal = dialling.permit(number, call.means.outbound, now=call.now)
    return number if refusal is None or not refusal.lasting else ""


def _ask(call: Call, *before: Say) -> None:
    wish = call.wish
    assert wish is not None
    wish.typed = ""
    prompt: Prompt = (_TYPE,) if wish.stage == "typing" else (_AT, *(_DIGITS[d] for d in wish.number), _CHOOSE)
    call.play((*before, *prompt), "asking")


def played(call: Call, event: PlayEnded) -> None:
    """A question was asked, or stopped by a key."""
    if event.play_id != call.play_id:
        call.ignore(event)
    elif call.wish is None:
        call.hang_up("callback")
    else:
        call.play_id = None
        call.deadline = call.now + ANSWER_S


def due(call: Call) -> None:
    """The time for an answer, or for the end of a prompt, is over."""
    wish = call.wish
    if wish is None:
        call.hang_up("callback")
    elif call.play_id is not None:
        call.play_id = None
        call.deadline = call.now + ANSWER_S
    elif wish.stage == "typing" and wish.typed:
        _judge(call, wish)
    else:
        _try_again(call, wish)


def pressed(call: Call, event: DigitPressed) -> None:
    """The caller pressed a key."""
    wish = call.wish
    if wish is None:
        call.ignore(event)
    elif wish.stage == "offering":
        _chosen(call, wish, event.digit)
    elif event.digit == "#":
        _judge(call, wish)
    elif event.digit == "*":
        _ask(call)
    elif event.digit.isdigit() and len(wish.typed) < DIGITS_MAX:
        wish.typed += event.digit
        call.play_id, call.deadline = None, call.now + ANSWER_S
    else:
        call.ignore(event)


def _chosen(call: Call, wish: Wish, digit: str) -> None:
    if digit == "1":
        _grant(call, wish)
    elif digit == "2":
        wish.stage, wish.number = "typing", ""
        _ask(call)
    else:
        call.ignore(DigitPressed(at=call.now, call_id=call.call_id, digit=digit))


def _judge(call: Call, wish: Wish) -> None:
    """Read back what he typed, if it may be dialled."""
    number = _permitted(call, wish.typed)
    if not number:
        _try_again(call, wish, _CANNOT)
        return
    wish.stage, wish.number = "offering", number
    _ask(call)


def _try_again(call: Call, wish: Wish, *before: Say) -> None:
    wish.tries += 1
    if wish.tries >= TRIES:
        _wait_on(call)
    else:
        _ask(call, *before)


def _wait_on(call: Call) -> None:
    """He said nothing that helps: he waits on, at his old place."""
    call.wish = None
    before = call.stay
    assert before is not None
    call.stay = msgspec.structs.replace(
        before,
        entered_at=call.now,
        since=before.entered_at if before.since is None else before.since,
        left="",
        treatment="",
        announce="",
        offer_id=None,
    )
    call.remember()
    call.line_up(call.stay)
    call.tell("queued")
    call.wait()


def _grant(call: Call, wish: Wish) -> None:
    """Tell his wish, and say goodbye."""
    stay = call.stay
    assert stay is not None
    call.wish = None
    call.out.append(
        CallbackRequested(
            at=call.now,
            callback_id=CallbackId(f"{call.call_id}.w{int(call.now * 1000):x}"),
            queue_id=stay.queue_id,
            number=wish.number,
            entered_at=stay.entered_at if stay.since is None else stay.since,
            of_call=call.call_id,
            node=call.node,
            dialled=call.number,
            name=call.caller_name,
            customer_id=call.customer_id,
            priority=stay.priority,
            skills=stay.skills,
            levels=stay.levels,
            language=call.language,
            flow=call.flow.name,
            flow_version=call.flow.version,
            step=call.step,
        )
    )
    call.tell("callback_granted")
    call.play((_FAREWELL,), "asking", interrupt=False)
