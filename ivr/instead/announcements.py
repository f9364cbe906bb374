"""The announcements of the house: what callers hear who are treated otherwise than by waiting. Pure.

An announcement has a name. A flow may bring its own (`announcements:` in its file); for every other name there is a text here, in each
language that can be spoken. The operator's recording `announce.NAME.wav` goes before the voice, as for every text (see `prompts`), and
gives a name to an announcement that no text knows.
"""

from collections.abc import Iterable, Mapping

from hotline import treatments
from hotline.errors import Misuse
from hotline.settings import Settings
from ivr.flow.model import Prompt, Say

PREFIX = "announce."
"""What the recordings of announcements begin with."""

_APOLOGY = {
    "zh": "感谢您的来电。现在无法为您服务，请稍后再拨。",
    "en": "Thank you for calling. We cannot serve you at the moment. Please call again later.",
}
_TEXTS: Mapping[str, Mapping[str, str]] = {
    "emergency": {
        "zh": "由于突发情况，我们的服务目前受到影响，正在全力恢复。给您带来不便，敬请谅解。",
        "en": "Owing to an unforeseen event our service is disturbed at present. We are working on it and apologise.",
    },
    "closed": {
        "zh": "您好，现在是非工作时间。请在工作时间内再次来电，谢谢。",
        "en": "We are closed now. Please call again during our opening hours. Thank you.",
    },
    "full": {
        "zh": "您好，现在来电较多，线路已满，请稍后再拨，谢谢。",
        "en": "All our lines are taken at the moment. Please call again later. Thank you.",
    },
    "voicemail": {
        "zh": "请在提示音后留言，按井号键结束。",
        "en": "Please leave a message after the tone. Press the hash key when you are done.",
    },
    "voicemail_left": {
        "zh": "您的留言已收到，我们会尽快处理。谢谢，再见。",
        "en": "Your message has been received, and we will see to it. Thank you, and goodbye.",
    },
    "forwarding": {
        "zh": "正在为您转接，请稍候。",
        "en": "We are putting you through. Please hold the line.",
    },
}
_SOUNDS: Mapping[str, tuple[str, ...]] = {
    "voicemail": ("vm-intro",),
    "voicemail_left": ("auth-thankyou", "vm-goodbye"),
    "forwarding": ("pbx-transfer",),
}
"""Sounds of Asterisk that stand in where no voice can be had; elsewhere that nobody is available."""


def announcement(name: str) -> Prompt:
    """Return the announcement of the house that has this name."""
    fallback = _SOUNDS.get(name, ("vm-nobodyavail", "vm-goodbye"))
    return (Say(name=f"{PREFIX}{name}", texts=_TEXTS.get(name, _APOLOGY), fallback=fallback),)


def announcements(settings: Settings, recorded: Iterable[str] = ()) -> dict[str, Prompt]:
    """Return every announcement that may be asked for: those known here, those of the settings, and the operator's recordings.

    `recorded` are the names of his files (`announce.storm`); the first part, which all share, is left out.
    """
    names = dict.fromkeys((*_TEXTS, *_named(settings)))
    names |= dict.fromkeys(file.removeprefix(PREFIX) for file in recorded if file.startswith(PREFIX))
    return {name: announcement(name) for name in names}


def _named(settings: Settings) -> Iterable[str]:
    """Yield the announcements that the settings name."""
    for queue in settings.queues:
        written = (queue.when_full, queue.when_closed, queue.at_closing, *(rule.to for rule in queue.overflow))
        for text in (*written, *queue.comfort.keys.values()):
            if text is not None and (wanted := _read(text)) is not None and wanted.kind == "announce":
                yield wanted.target


def _read(text: str) -> treatments.Treatment | None:
    try:
        return treatments.parse(text)
    except Misuse:  # the settings were built by hand, without their checks
        return None
