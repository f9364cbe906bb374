"""What the file of a spoken text is called, so that the session and the maker of prompts agree without talking. Pure.

The name is a hash of everything that shapes the sound: another text, voice or speed is another file, and an old file is
never mistaken for a new one.
"""

import hashlib
from collections.abc import Mapping

import msgspec

from ivr.flow.model import Prompt, Say

PROMPT_VERSION = "1"
"""Raised when the way from text to sound changes."""
WORDS_PER_MINUTE = 160
VOICES: Mapping[str, str] = {"en": "en", "zh": "cmn"}
"""Language -> voice of espeak-ng."""
LANGUAGES = tuple(VOICES)
"""The languages that can be spoken."""
SOUND_ROOT = "hotline"
"""Asterisk finds `hotline/<language>/<name>` in the prompts of our data directory."""


def file_name(language: str, text: str) -> str:
    """Return the name, without ending, of the file that speaks `text`."""
    shape = "\0".join((PROMPT_VERSION, VOICES.get(language, language), str(WORDS_PER_MINUTE), text))
    return hashlib.sha1(shape.encode(), usedforsecurity=False).hexdigest()[:12]


def sound_name(language: str, text: str) -> str:
    """Return the Asterisk sound name that speaks `text`."""
    return f"{SOUND_ROOT}/{language}/{file_name(language, text)}"


class SoundBook(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about the sounds there are; empty: all are there, their lengths unknown."""

    seconds: Mapping[str, float] = {}
    """Sound name -> length."""
    substitutes: Mapping[str, tuple[str, ...]] = {}
    """Sound name that could not be made -> Asterisk sounds to play instead."""

    def resolve(self, prompt: Prompt, language: str) -> tuple[str, ...]:
        """Return the Asterisk sounds of `prompt` for a caller who speaks `language`."""
        names: list[str] = []
        for item in prompt:
            if isinstance(item, Say):
                languages = item.texts if item.every else (language,)
                names += [sound_name(spoken, item.texts[spoken]) for spoken in languages]
            else:
                names.append(item.name)
        return tuple(sound for name in names for sound in self.substitutes.get(name, (name,)))

    def length_s(self, sounds: tuple[str, ...], unknown_s: float) -> float:
        """Return how long `sounds` play, counting `unknown_s` for each of unknown length."""
        return sum(self.seconds.get(name, unknown_s) for name in sounds)
