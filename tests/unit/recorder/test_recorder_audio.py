"""What is read from recorded audio, and the WAV that is written."""

import io
import wave

import pytest

from recorder.audio import (
    DATA_LIMIT_BYTES,
    HEADER_BYTES,
    Audio,
    LoudnessMeter,
    find_problem,
    read_wav_header,
    wav_header,
)
from tests.support.tones import channels, interleave, loud_part, share, sine

SECOND = 32_000


def test_a_header_is_one_that_others_can_read() -> None:
    frames = interleave(sine(440, 0.5), sine(1000, 0.5))
    with wave.open(io.BytesIO(wav_header(len(frames)) + frames)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        assert file.getnframes() == 4000
        assert file.readframes(4000) == frames


def test_a_header_whose_sizes_fit_the_file_is_recognised() -> None:
    assert read_wav_header(wav_header(SECOND), HEADER_BYTES + SECOND) == Audio(data_bytes=SECOND)


@pytest.mark.parametrize(
    ("header", "size"),
    [
        (wav_header(SECOND), HEADER_BYTES + SECOND - 4),
        (wav_header(0), HEADER_BYTES + SECOND),
        (wav_header(SECOND)[:43], HEADER_BYTES + SECOND),
        (b"RIFX" + wav_header(SECOND)[4:], HEADER_BYTES + SECOND),
        (b"", 0),
    ],
)
def test_a_header_that_lies_is_not_recognised(header: bytes, size: int) -> None:
    assert read_wav_header(header, size) is None


def test_audio_knows_its_frames_and_length() -> None:
    audio = Audio(data_bytes=SECOND * 3 + 2)
    assert (audio.frames, audio.duration_s, audio.whole) == (24_000, 3.0, False)


@pytest.mark.parametrize(
    ("data_bytes", "talked_s", "problem"),
    [
        (SECOND * 10, 10.0, None),
        (SECOND * 10, 11.5, None),
        (SECOND * 10, 11.6, "too_short"),
        (SECOND * 10, None, None),
        (SECOND * 20, 10.0, None),
        (0, 0.1, "empty"),
        (0, None, "empty"),
        (SECOND + 1, 1.0, "broken"),
        (SECOND + 2, 1.0, "broken"),
        (DATA_LIMIT_BYTES + 1, None, "broken"),
    ],
)
def test_what_is_wrong_with_a_recording(data_bytes: int, talked_s: float | None, problem: str | None) -> None:
    found = find_problem(Audio(data_bytes=data_bytes), talked_s, 1.5)
    assert (found[0] if found else None) == problem


def test_the_loudness_of_each_side_is_told_apart() -> None:
    meter = LoudnessMeter()
    frames = interleave(sine(440, 1, amplitude=8000), [0] * 8000)
    for start in range(0, len(frames), 4096):
        meter.feed(frames[start : start + 4096])
    caller, agent = meter.loudness()
    assert caller == pytest.approx(8000 / 2**0.5, rel=0.05)
    assert agent == 0


@pytest.mark.parametrize("hertz", [250, 440, 500, 1000, 2000])
def test_no_tone_is_taken_for_silence(hertz: int) -> None:
    meter = LoudnessMeter()
    meter.feed(interleave(sine(hertz, 1.0), sine(hertz, 1.0)))
    assert all(side > 3000 for side in meter.loudness())


def test_silence_of_no_length_is_silent() -> None:
    assert LoudnessMeter().loudness() == (0.0, 0.0)


def test_the_tone_detector_of_the_tests_tells_tones_apart() -> None:
    left, right = channels(interleave(sine(440, 1), sine(1000, 1)))
    assert share(left, 440) > 0.95
    assert share(left, 1000) < 0.05
    assert share(right, 1000) > 0.95
    assert share(right, 440) < 0.05
    assert share([0] * 100, 440) == 0
    late = [*[0] * 8000, *sine(440, 1)]
    assert loud_part(late, 440) > 0.95
    assert loud_part(late, 700) < 0.05
