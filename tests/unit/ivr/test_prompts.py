import math
import os
import wave
from pathlib import Path

import pytest

from hotline.errors import Misuse, Unavailable
from ivr.flow.model import Say
from ivr.speech.naming import SoundBook, file_name, sound_name
from ivr.speech.prompts import Progress, PromptReport, Speaker, prepare_prompts
from ivr.speech.sound import Audio, write_wav
from tests.unit.ivr.making import flow

FLOW = flow(
    "{flow: f, start: a, steps: {a: {kind: play, next: b, prompt: [{say: {en: Hello, zh: 您好}, fallback: [hello, beep]}]},"
    " b: {kind: goodbye, prompt: [{say: {en: Bye, zh: 再见}}]}}}"
)


def speech(seconds: float = 0.2, rate: int = 22_050) -> bytes:
    return write_wav(
        Audio(rate_hz=rate, samples=[0.1 * math.sin(2 * math.pi * 440 * i / rate) for i in range(int(rate * seconds))])
    )


class Voice:
    """Speaks a tone, and remembers what it was asked to say."""

    def __init__(self, *, mute: str = "") -> None:
        self.said: list[tuple[str, str]] = []
        self.mute = mute

    async def find(self, progress: Progress) -> Speaker:
        if self.mute == "all":
            raise Unavailable("there is no network")
        return self.speak

    async def speak(self, language: str, text: str) -> bytes:
        if text == self.mute:
            raise Unavailable("no voice today")
        self.said.append((language, text))
        return speech()


async def prepare(directory: Path, voice: Voice) -> PromptReport:
    return await prepare_prompts([FLOW], directory, lambda _: None, find=voice.find)


def params(file: Path) -> tuple[int, int, int]:
    with wave.open(str(file), "rb") as sound:
        return sound.getnchannels(), sound.getsampwidth(), sound.getframerate()


async def test_every_text_becomes_a_file_for_the_telephone(tmp_path: Path) -> None:
    report = await prepare(tmp_path, Voice())
    assert (report.made, report.kept, report.warnings) == (4, 0, ())
    file = tmp_path / "zh" / f"{file_name('zh', '您好')}.wav"
    assert params(file) == (1, 2, 8000)
    assert report.sounds.seconds[sound_name("zh", "您好")] == pytest.approx(0.2, abs=0.01)


async def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    await prepare(tmp_path, Voice())
    voice = Voice(mute="all")
    report = await prepare(tmp_path, voice)
    assert (report.made, report.kept, report.warnings) == (0, 4, ())
    assert len(report.sounds.seconds) == 4


@pytest.mark.parametrize("damage", [b"", b"RIFF garbage", speech()[:200]])
async def test_a_damaged_file_is_made_again(tmp_path: Path, damage: bytes) -> None:
    await prepare(tmp_path, Voice())
    (tmp_path / "en" / f"{file_name('en', 'Bye')}.wav").write_bytes(damage)
    voice = Voice()
    assert (await prepare(tmp_path, voice)).made == 1
    assert voice.said == [("en", "Bye")]


async def test_an_own_recording_goes_before_the_voice_and_may_come_and_go(tmp_path: Path) -> None:
    own = tmp_path / "custom" / "en" / "f.a.wav"
    own.parent.mkdir(parents=True)
    own.write_bytes(speech(1.0, 44_100))
    voice = Voice()
    report = await prepare(tmp_path, voice)
    assert ("en", "Hello") not in voice.said
    assert report.recordings == 1
    assert report.sounds.seconds[sound_name("en", "Hello")] == pytest.approx(1.0, abs=0.01)
    assert (await prepare(tmp_path, voice)).made == 0
    own.write_bytes(speech(0.5, 44_100))
    assert (await prepare(tmp_path, voice)).sounds.seconds[sound_name("en", "Hello")] == pytest.approx(0.5, abs=0.01)
    own.unlink()
    await prepare(tmp_path, voice)
    assert ("en", "Hello") in voice.said


async def test_an_own_recording_that_is_no_sound_is_told_and_the_voice_used(tmp_path: Path) -> None:
    own = tmp_path / "custom" / "en" / "f.a.wav"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"not a sound")
    report = await prepare(tmp_path, Voice())
    assert "f.a.wav" in report.warnings[0]
    assert report.made == 4


async def test_without_any_voice_asterisks_own_sounds_are_played_and_one_warning_says_so(tmp_path: Path) -> None:
    report = await prepare(tmp_path, Voice(mute="all"))
    hello = Say(name="f.a", texts={"en": "Hello", "zh": "您好"})
    assert report.sounds.resolve((hello,), "zh") == ("hello", "beep")
    assert len(report.warnings) == 1
    assert "there is no network" in report.warnings[0]
    assert (await prepare(tmp_path, Voice())).made == 4


async def test_one_text_that_cannot_be_spoken_does_not_silence_the_others(tmp_path: Path) -> None:
    report = await prepare(tmp_path, Voice(mute="Bye"))
    assert report.made == 3
    assert report.sounds.substitutes == {sound_name("en", "Bye"): ("beep",)}
    assert "no voice today" in report.warnings[0]


async def test_a_directory_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "prompts").write_text("a file")
    with pytest.raises(Misuse, match="cannot be written"):
        await prepare(tmp_path / "prompts", Voice())


async def test_nothing_unfinished_is_left_behind(tmp_path: Path) -> None:
    await prepare(tmp_path, Voice())
    assert [name for _, _, names in os.walk(tmp_path) for name in names if name.startswith(".")] == []


def test_the_name_of_a_file_depends_on_text_and_voice() -> None:
    assert len({file_name("en", "a"), file_name("zh", "a"), file_name("en", "b")}) == 3
    assert sound_name("en", "a").startswith("hotline/en/")


def test_a_text_in_every_language_is_played_in_the_order_of_its_file() -> None:
    both = Say(name="x", texts={"zh": "您好", "en": "Hello"}, every=True)
    assert SoundBook().resolve((both,), "en") == (sound_name("zh", "您好"), sound_name("en", "Hello"))
