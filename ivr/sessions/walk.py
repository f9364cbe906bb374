"""How a caller walks from step to step: prompts, digits, timers. Pure; each function moves one `Call`.

A digit and the end of the prompt that it stopped may be told in either order, with the same result. A prompt whose end
nobody tells is taken to have ended when its length says so.
"""

from hotline.facts import CallerIdentified, DigitPressed, PlayEnded
from ivr.flow.model import (
    Asking,
    CollectStep,
    GoodbyeStep,
    HangupStep,
    HoursStep,
    LanguageStep,
    MenuStep,
    PlayStep,
    Prompt,
    QueueStep,
    ReleaseStep,
)
from ivr.sessions.asking import KEYS, Chosen, meaning, typed_ahead
from ivr.sessions.call import Call

STEPS_LIMIT = 100
"""Steps of one call; then the caller goes to the fallback queue."""
DIGITS_LIMIT = 100
"""Digits of one call; further ones mean nothing."""
FAILED_PROMPTS_LIMIT = 3
"""After so many prompts in a row that could not be played, the caller goes to the fallback queue."""
FAILED_PAUSE_S = 0.2
"""How long to listen after a question that could not be played: nobody can answer what he did not hear."""
DIGIT_GRACE_S = 0.3
"""How long to wait for the digit that interrupted a prompt, when the interruption is told first."""


def enter(call: Call, name: str) -> None:
    """Go to a step; those that take no time lead on at once (their exits form no loop, see `checks`)."""
    call.step = name
    call.tries = 0
    call.typed = ""
    call.steps_taken += 1
    if call.steps_taken > STEPS_LIMIT:
        call.limits["ivr_steps"] += 1
        call.release("too_many_steps")
        return
    match call.flow.steps[name]:
        case PlayStep() as step:
            call.play(step.prompt, "prompting", interrupt=step.interrupt)
        case MenuStep() | CollectStep() as step:
            _ask(call, step)
        case HoursStep() as step:
            is_open = step.hours.is_open(call.now)
            call.tell("open" if is_open else "closed")
            enter(call, step.open if is_open else step.closed)
        case LanguageStep() as step:
            call.language, call.chose_language = step.language, True
            call.tell("set")
            enter(call, step.next)
        case QueueStep() as step:
            call.join(step)
        case GoodbyeStep() as step:
            call.play(step.prompt, "prompting", interrupt=False)
        case HangupStep() as step:
            call.tell("ended")
            call.hang_up(step.reason)
        case ReleaseStep() as step:
            call.tell("released")
            call.release(step.reason)


def _ask(call: Call, step: Asking) -> None:
    call.remember()
    call.typed, call.typed_ahead = typed_ahead(step, call.typed_ahead)
    if call.typed:
        _judge(call, step)
    else:
        call.play(step.prompt, "prompting")


def pressed(call: Call, event: DigitPressed) -> None:
    """The caller pressed a key while a prompt played or we listened."""
    if event.digit not in KEYS:
        call.ignore(event)
        return
    call.digits += 1
    if call.digits > DIGITS_LIMIT:
        call.limits["ivr_digits"] += 1
        return
    match call.flow.steps[call.step]:
        case MenuStep() | CollectStep() as step:
            call.typed += event.digit
            _judge(call, step)
        case PlayStep() as step:
            if event.digit not in "*#":  # these are what people press to skip, not to choose
                call.typed_ahead += event.digit
            if step.interrupt:
                call.tell("skipped")
                enter(call, step.next)
        case _:
            call.ignore(event)


def _judge(call: Call, step: Asking, *, ended: bool = False) -> None:
    """Go on with what the caller typed, or wait for more."""
    match meaning(step, call.typed, ended=ended):
        case Chosen() as chosen:
            call.tell(chosen.result)
            enter(call, chosen.target)
        case "more":
            call.listen(call.now + step.timeout_s)
        case "nothing":
            call.tell("timeout")
            _again(call, step.timeout_prompt + step.prompt, step.retries, step.on_timeout)
        case "invalid":
            call.tell("invalid")
            _again(call, step.invalid_prompt + step.prompt, step.retries, step.on_invalid)


def _again(call: Call, prompt: Prompt, retries: int, otherwise: str) -> None:
    call.typed = call.typed_ahead = ""
    call.tries += 1
    if call.tries > retries:
        enter(call, otherwise)
    else:
        call.play(prompt, "prompting")


def played(call: Call, event: PlayEnded) -> None:
    """A prompt is over."""
    if event.play_id != call.play_id:
        call.ignore(event)
    elif event.result == "failed":
        prompt_failed(call)
    else:
        call.failed_prompts = 0
        _go_on(call, "played" if event.result == "finished" else "skipped", call.now)


def prompt_failed(call: Call) -> None:
    """A prompt could not be played. The flow goes on without it, unless that keeps happening."""
    call.failed_prompts += 1
    if call.failed_prompts >= FAILED_PROMPTS_LIMIT and call.state == "prompting":
        call.tell("failed")
        call.release("prompts_failed")
    else:
        _go_on(call, "failed", call.now)


def prompt_due(call: Call) -> None:
    """Nobody told the end of the prompt, or the digit that ended it: the caller has been waiting since."""
    _go_on(call, "lost" if call.play_id is not None else "no_digit", call.play_ends_at)


def _go_on(call: Call, result: str, ended_at: float) -> None:
    """Do what comes after the prompt of the present step."""
    call.play_id = None
    if call.state == "announcing":
        call.wait()
        return
    match call.flow.steps[call.step]:
        case MenuStep() | CollectStep() as step:
            wait_s = FAILED_PAUSE_S if result == "failed" else step.timeout_s
            call.listen(max(call.now, ended_at + wait_s))
        case PlayStep() if result == "skipped":
            call.deadline = call.now + DIGIT_GRACE_S
        case PlayStep() as step:
            call.tell("skipped" if result == "no_digit" else result)
            enter(call, step.next)
        case _:
            call.tell(result)
            call.hang_up("goodbye")


def listened(call: Call) -> None:
    """The caller had the time to press a key."""
    step = call.flow.steps[call.step]
    assert isinstance(step, MenuStep | CollectStep)
    _judge(call, step, ended=True)


def learn_language(call: Call, event: CallerIdentified) -> None:
    """Speak the customer's language from the next prompt on, unless the caller chose one; and know who he is."""
    call.customer_id, call.caller_name = event.customer_id, event.name or call.caller_name
    if not call.chose_language and event.language in call.flow.languages:
        call.language = event.language
