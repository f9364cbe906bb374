"""What is said to those who wait: how many are before them, how long it will take, and a kind word. Pure.

Sentences are put together from parts with a number between them, in the same order in every language. Numbers are spoken as
people say them: two is 两 before a measure word, never 二; one caller has a sentence of its own where a language counts in singular
and plural. Each part has a name (`wait.position.3`), under which the operator's recording replaces the voice.
"""

from collections.abc import Container, Iterable, Iterator, Mapping

from hotline.ranges import LADDER, SpokenRange
from hotline.settings.queues import Queue
from ivr.flow.model import Prompt, Say

MOST = 99
"""More callers before somebody are not counted out to him."""
MOVED_IN = 10
"""So many more than a queue takes in may stand in its line, moved there by people; should there be even more, it is not said."""
_DIGITS = "零一二三四五六七八九"


def chinese(number: int) -> str:
    """Return a number from 0 to 99 as it is said before a measure word."""
    if number == 2:
        return "两"
    tens, ones = divmod(number, 10)
    if not tens:
        return _DIGITS[ones]
    return f"{'' if tens == 1 else _DIGITS[tens]}十{_DIGITS[ones] if ones else ''}"


def _digits(number: int) -> tuple[str, ...]:
    """Return the sounds with which Asterisk says a number, should there be no voice."""
    if number <= 20 or number % 10 == 0:
        return (f"digits/{number}",)
    return (f"digits/{number // 10 * 10}", f"digits/{number % 10}")


def _say(name: str, zh: str, en: str, *fallback: str) -> Say:
    return Say(name=f"wait.{name}", texts={"zh": zh, "en": en}, fallback=fallback)


_NEXT = _say("next", "您是下一位。", "You are next in line.", "queue-youarenext")
_ONE = _say(
    "one",
    "您前面还有一位在等候。",
    "There is one caller before you.",
    "queue-thereare",
    "digits/1",
    "queue-callswaiting",
)
_MANY = _say(
    "many", "您前面还有一百位以上在等候。", "There are more than a hundred callers before you.", "queue-thereare", "digits/1",
    "digits/hundred", "queue-callswaiting",
)  # fmt: skip
_THERE_ARE = _say("there_are", "您前面还有", "There are", "queue-thereare")
_BEFORE_YOU = _say("before_you", "在等候。", "callers before you.", "queue-callswaiting")
_ABOUT = _say("about", "预计还要等候大约", "The expected wait is about", "queue-holdtime")
_LESS = _say("less", "预计等候时间不到", "The expected wait is less than", "queue-holdtime", "queue-less-than")


def _callers(number: int) -> Say:
    return _say(f"position.{number}", f"{chinese(number)}位", str(number), *_digits(number))


def _from(number: int) -> Say:
    """Return the lower end with its "to": alone, "to" sounds like one more number, and two to three like 223."""
    return _say(f"from.{number}", f"{chinese(number)}到", f"{number} to", *_digits(number), "silence/1")


def _minutes(number: int) -> Say:
    unit, sound = ("minute", "queue-minute") if number == 1 else ("minutes", "queue-minutes")
    return _say(f"minutes.{number}", f"{chinese(number)}分钟。", f"{number} {unit}.", *_digits(number), sound)


def position(before: int) -> Prompt:
    """Return what tells a caller how many are before him."""
    if before <= 0:
        return (_NEXT,)
    if before == 1:
        return (_ONE,)
    return (_THERE_ARE, _callers(before), _BEFORE_YOU) if before <= MOST else (_MANY,)


def expected_wait(said: SpokenRange) -> Prompt:
    """Return what tells a caller a range; nothing when it has no upper end."""
    if said.high is None:
        return ()
    if said.low == 0:
        return (_LESS, _minutes(said.high))
    return (_ABOUT, _from(said.low), _minutes(said.high))


_KIND_WORDS: Mapping[str, Say] = {
    name: _say(f"message.{name}", zh, en, "queue-thankyou")
    for name, zh, en in (
        ("thanks", "感谢您的耐心等候，我们会尽快接听您的来电。", "Thank you for your patience. We will answer your call as soon as we can."),
        ("busy", "目前来电较多，请您稍候，不要挂机。", "We have many callers at the moment. Please hold the line."),
        ("stay", "请不要挂机，挂机后需要重新排队。", "Please stay on the line; if you hang up you may lose your place."),
    )
}  # fmt: skip


def message(name: str) -> Prompt:
    """Return a kind word of the house by its name; nothing when there is none of that name."""
    say = _KIND_WORDS.get(name)
    return (say,) if say is not None else ()


def unknown_messages(queues: Iterable[Queue], announcements: Container[str]) -> Iterator[str]:
    """Yield a sentence for each message of the settings that will never be heard; `announcements` are those of flows and operators."""
    for queue in queues:
        for name in queue.comfort.messages:
            if name not in _KIND_WORDS and name not in announcements:
                yield (
                    f"queue {queue.id}: there is no message `{name}` for those who wait; use {', '.join(_KIND_WORDS)}, "
                    f"`announcements:` in the flow, or a recording announce.{name}.wav"
                )


def wait_says(queues: Iterable[Queue]) -> tuple[Say, ...]:
    """Return every part that callers of these queues may hear while they wait: to be spoken before the first call."""
    found: dict[str, Say] = {}
    for queue in queues:
        comfort = queue.comfort
        prompts: list[Prompt] = [message(name) for name in comfort.messages]
        if comfort.position:
            prompts += [position(before) for before in range(min(queue.max_waiting + MOVED_IN, MOST + 2))]
        if comfort.expected_wait:
            prompts += [expected_wait(SpokenRange(low, high)) for high in LADDER for low in (0, *LADDER) if low < high]
        found |= {say.name: say for prompt in prompts for say in prompt if isinstance(say, Say)}
    return tuple(found.values())
