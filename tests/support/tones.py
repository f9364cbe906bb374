"""Which tones are in some audio: the Goertzel algorithm (G. Goertzel, "An algorithm for the evaluation of finite trigonometric series", 1958)."""

import math
from array import array
from collections.abc import Sequence
from pathlib import Path

from recorder.audio import CHANNELS, HEADER_BYTES, RATE_HZ, read_wav_header


def channels(frames: bytes) -> list[Sequence[int]]:
    """Split interleaved 16-bit frames into one list of samples per channel."""
    samples = array("h", frames)
    return [samples[c::CHANNELS] for c in range(CHANNELS)]


def channels_of(wav: Path) -> list[Sequence[int]]:
    """Return the channels of a recording; fails when its header is not right."""
    data = wav.read_bytes()
    assert read_wav_header(data[:HEADER_BYTES], len(data)) is not None, f"{wav.name} has a wrong header"
    return channels(data[HEADER_BYTES:])


def share(samples: Sequence[int], hertz: float) -> float:
    """Return how much of the energy of `samples` is a tone of `hertz`: 1 is a pure tone, 0 none of it."""
    energy = sum(s * s for s in samples)
    if energy == 0:
        return 0.0
    factor = 2 * math.cos(2 * math.pi * hertz / RATE_HZ)
    last, before = 0.0, 0.0
    for sample in samples:
        last, before = sample + factor * last - before, last
    power = last * last + before * before - factor * last * before
    return 2 * power / (len(samples) * energy)


def sine(hertz: float, seconds: float, amplitude: int = 8000) -> list[int]:
    """Return a tone."""
    step = 2 * math.pi * hertz / RATE_HZ
    return [round(amplitude * math.sin(step * i)) for i in range(round(seconds * RATE_HZ))]


def interleave(left: Sequence[int], right: Sequence[int]) -> bytes:
    """Return two channels as MixMonitor writes them."""
    return array("h", [s for pair in zip(left, right, strict=True) for s in pair]).tobytes()


def loud_part(samples: Sequence[int], hertz: float, seconds: float = 0.5) -> float:
    """Return the largest share of a tone in any stretch of `seconds`: a recording may begin and end with silence."""
    length = round(seconds * RATE_HZ)
    starts = range(0, max(len(samples) - length, 1), length)
    return max(share(samples[s : s + length], hertz) for s in starts)
