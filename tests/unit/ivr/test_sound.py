import io
import math
import wave

import pytest

from hotline.errors import Misuse
from ivr.speech.sound import PEAK, Audio, for_telephone, normalise, read_wav, resample, trim, write_wav


def tone(hertz: float, rate: int = 22_050, seconds: float = 0.2) -> Audio:
    return Audio(
        rate_hz=rate, samples=[0.5 * math.sin(2 * math.pi * hertz * i / rate) for i in range(int(rate * seconds))]
    )


def decibels_after(hertz: float, rate: int = 22_050) -> float:
    """How loud a tone is at 8 kHz, compared with before."""
    kept = resample(tone(hertz, rate), 8000).samples[200:-200]
    power = sum(s * s for s in kept) / len(kept)
    return 10 * math.log10(max(power, 1e-15) / (0.25 / 2))


@pytest.mark.parametrize("rate", [11_025, 16_000, 22_050, 44_100, 48_000])
def test_the_voice_band_keeps_its_loudness(rate: int) -> None:
    assert all(abs(decibels_after(hertz, rate)) < 0.3 for hertz in (300, 1000, 3300))


@pytest.mark.parametrize("hertz", [4300, 4700, 6000, 8000, 10_500])
def test_what_the_telephone_cannot_carry_is_gone_and_no_false_tone(hertz: float) -> None:
    assert decibels_after(hertz) < -60


def test_the_length_in_seconds_stays() -> None:
    assert resample(tone(1000), 8000).seconds == pytest.approx(0.2, abs=0.001)


def test_the_loudest_sample_comes_to_minus_three_decibels() -> None:
    quiet = Audio(rate_hz=8000, samples=[0.01, -0.02, 0.0])
    assert max(abs(s) for s in normalise(quiet).samples) == pytest.approx(PEAK)
    assert 20 * math.log10(PEAK) == pytest.approx(-3, abs=0.01)


def test_silence_stays_silence() -> None:
    silent = Audio(rate_hz=8000, samples=[0.0] * 100)
    assert for_telephone(silent).samples == silent.samples


def test_silent_ends_are_cut_to_a_moment() -> None:
    audio = Audio(rate_hz=8000, samples=[0.0] * 8000 + [0.5] * 800 + [0.0] * 8000)
    assert trim(audio).seconds == pytest.approx(0.2, abs=0.001)


def test_a_wav_file_is_written_and_read_back() -> None:
    audio = Audio(rate_hz=8000, samples=[0.0, 0.5, -0.5, 1.0, -1.0])
    again = read_wav(write_wav(audio))
    assert again.rate_hz == 8000
    assert again.samples == pytest.approx(audio.samples, abs=1e-4)


def test_louder_than_full_scale_is_clipped_and_does_not_wrap() -> None:
    assert read_wav(write_wav(Audio(rate_hz=8000, samples=[2.0, -2.0]))).samples == pytest.approx([1, -1], abs=1e-4)


def wav(channels: int = 1, width: int = 2, rate: int = 8000, frames: bytes = b"\x00\x10" * 100) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(frames)
    return out.getvalue()


def test_channels_are_mixed() -> None:
    stereo = wav(channels=2, frames=b"\x00\x40\x00\x00" * 10)
    assert read_wav(stereo).samples == [0.25] * 10


@pytest.mark.parametrize("length", [0, 0x7FFFF000, 0xFFFFFFFF])
def test_a_length_that_a_pipe_could_not_know_is_mended(length: int) -> None:
    data = bytearray(wav())
    at = data.index(b"data") + 4
    data[at : at + 4] = length.to_bytes(4, "little")
    assert len(read_wav(bytes(data)).samples) == 100


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        b"not a sound",
        wav()[:30],
        wav(frames=b""),
        wav(width=1),
        wav(rate=2000),
        wav(frames=b"\0\0" * 8000 * 121),
    ],
)
def test_what_is_no_usable_wav_file_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(Misuse):
        read_wav(data)
