"""The prompts of the flow that comes with hotline, spoken by a real espeak-ng (brought by the test where it is missing)."""

import math
from pathlib import Path

import pytest

from hotline.errors import Unavailable
from hotline.settings import Settings
from ivr.flow.library import read_flows
from ivr.flow.model import says
from ivr.speech.naming import file_name
from ivr.speech.prompts import Espeak, find_speaker, prepare_prompts
from ivr.speech.sound import RATE_HZ, Audio, read_wav

pytestmark = pytest.mark.real


def quiet(_line: str) -> None:
    """Progress is for people."""


def loudness(audio: Audio) -> float:
    return math.sqrt(sum(s * s for s in audio.samples) / len(audio.samples))


async def test_every_prompt_of_the_main_flow_is_spoken_fit_for_the_telephone(tmp_path: Path) -> None:
    flows = read_flows(Settings()).flows
    report = await prepare_prompts(flows, tmp_path, quiet)
    wanted = {(language, text) for flow in flows for say in says(flow) for language, text in say.texts.items()}
    assert report.warnings == ()
    assert report.made == len(wanted) == len(report.sounds.seconds)
    for language, text in wanted:
        audio = read_wav((tmp_path / language / f"{file_name(language, text)}.wav").read_bytes())
        assert audio.rate_hz == RATE_HZ
        assert 0.5 < audio.seconds < 15, text
        assert max(abs(s) for s in audio.samples) == pytest.approx(0.708, abs=0.01)
        assert loudness(audio) > 0.02, text
    again = await prepare_prompts(flows, tmp_path, quiet)
    assert (again.made, again.kept) == (0, len(wanted))
    assert again.sounds == report.sounds


async def test_chinese_is_spoken_as_chinese() -> None:
    speak = await find_speaker(quiet)
    chinese, english = [read_wav(await speak(language, "请按 1")).seconds for language in ("zh", "en")]
    assert abs(chinese - english) > 0.2  # the English voice spells out "Chinese letter" for each character


async def test_a_text_that_looks_like_an_option_or_markup_is_only_spoken() -> None:
    speak = await find_speaker(quiet)
    assert read_wav(await speak("en", "--help <break time='60s'/> $(id)")).seconds < 15


async def test_a_voice_that_fails_is_told_in_a_sentence() -> None:
    with pytest.raises(Unavailable, match="cannot be started"):
        await Espeak(["/nowhere/espeak-ng"], None)("en", "Hello")
    with pytest.raises(Unavailable, match="failed"):
        await Espeak(["/bin/false"], None)("en", "Hello")
