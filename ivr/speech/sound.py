"""Speech made fit for the telephone: any 16-bit WAV becomes 8 kHz, mono, evenly loud. Pure.

Changing the rate is convolution with a low-pass that removes what the new rate cannot carry (it would come back as false
tones), evaluated only where the new samples lie. The low-pass is a windowed sinc: cut-off at 92 % of the lower Nyquist
frequency, Blackman window (74 dB; Oppenheim and Schafer, Discrete-Time Signal Processing, 7.5). For a ratio of whole
numbers the needed filters repeat, so that each of them is computed once.
"""

import array
import functools
import io
import math
import operator
import sys
import wave
from collections.abc import Sequence

import msgspec

from hotline.errors import Misuse

RATE_HZ = 8000
PEAK = 0.708
"""-3 dBFS."""
LONGEST_S = 120
"""Of one prompt."""
_ZERO_CROSSINGS = 24
"""Of the sinc on either side; more makes the edge of the low-pass steeper."""
_CUT_OFF = 0.92
_EDGE_S = 0.05
"""Silence left at either end."""


class Audio(msgspec.Struct, frozen=True, kw_only=True):
    """One channel of sound."""

    rate_hz: int
    samples: Sequence[float]
    """Full scale is 1."""

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return len(self.samples) / self.rate_hz


def read_wav(data: bytes) -> Audio:
    """Return the sound of a 16-bit PCM WAV file, its channels mixed. Raises Misuse when it is something else, empty or too long.

    A length of 0 or of "as much as there is", which programs write into a pipe, is read as what is there.
    """
    try:
        with wave.open(io.BytesIO(_mend(data))) as file:
            channels, width, rate, frames = file.getparams()[:4]
            if width != 2 or not 4000 <= rate <= 192_000 or not 1 <= channels <= 8:
                raise Misuse(
                    f"a 16-bit WAV of 4 to 192 kHz is expected, not {8 * width} bit, {rate} Hz, {channels} channels"
                )
            if frames > LONGEST_S * rate:
                raise Misuse(f"longer than {LONGEST_S} s")
            pcm = _native(file.readframes(frames))
    except (wave.Error, EOFError, ValueError) as exc:
        raise Misuse(f"not a PCM WAV file: {exc}") from exc
    if not pcm:
        raise Misuse("the WAV file holds no sound")
    scale = 32768.0 * channels
    mixed = [sum(pcm[i : i + channels]) / scale for i in range(0, len(pcm) - channels + 1, channels)]
    return Audio(rate_hz=rate, samples=mixed)


def _mend(data: bytes) -> bytes:
    """Set the lengths in the header to what is there."""
    at = data.find(b"data", 12)
    if data[:4] != b"RIFF" or at < 0:
        return data
    length = len(data) - at - 8
    if (
        int.from_bytes(data[at + 4 : at + 8], "little") <= length
        and at + 8 < len(data)
        and data[at + 4 : at + 8] != bytes(4)
    ):
        return data
    riff = (len(data) - 8).to_bytes(4, "little")
    return data[:4] + riff + data[8 : at + 4] + length.to_bytes(4, "little") + data[at + 8 :]


def _native(frames: bytes) -> "array.array[int]":
    pcm = array.array("h", frames[: len(frames) // 2 * 2])
    if sys.byteorder == "big":
        pcm.byteswap()
    return pcm


def write_wav(audio: Audio) -> bytes:
    """Return the sound as a 16-bit mono WAV file."""
    pcm = array.array("h", (max(-32768, min(32767, round(s * 32767))) for s in audio.samples))
    if sys.byteorder == "big":
        pcm.byteswap()
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(audio.rate_hz)
        file.writeframes(pcm.tobytes())
    return out.getvalue()


def for_telephone(audio: Audio) -> Audio:
    """Return `audio` at 8 kHz, without silence at its ends but a moment, its loudest sample at -3 dBFS."""
    return normalise(trim(resample(audio, RATE_HZ)))


def normalise(audio: Audio) -> Audio:
    """Return `audio` with its loudest sample at -3 dBFS; silence stays silence."""
    loudest = max((abs(s) for s in audio.samples), default=0.0)
    if loudest < 1e-4:
        return audio
    gain = PEAK / loudest
    return Audio(rate_hz=audio.rate_hz, samples=[s * gain for s in audio.samples])


def trim(audio: Audio) -> Audio:
    """Return `audio` without what is 50 dB below its peak at either end, except for a twentieth of a second."""
    loudest = max((abs(s) for s in audio.samples), default=0.0)
    heard = [i for i, s in enumerate(audio.samples) if abs(s) > loudest / 316]
    if not heard:
        return audio
    edge = int(_EDGE_S * audio.rate_hz)
    return Audio(rate_hz=audio.rate_hz, samples=audio.samples[max(heard[0] - edge, 0) : heard[-1] + edge + 1])


def resample(audio: Audio, rate_hz: int) -> Audio:
    """Return `audio` at another rate, low-passed below half of the lower one."""
    if audio.rate_hz == rate_hz:
        return audio
    divisor = math.gcd(audio.rate_hz, rate_hz)
    up, down = rate_hz // divisor, audio.rate_hz // divisor
    cut = _CUT_OFF * min(1.0, up / down)  # as a part of the old Nyquist frequency
    reach = math.ceil(_ZERO_CROSSINGS / cut)
    padded = [0.0] * reach + list(audio.samples) + [0.0] * (reach + 1)
    out: list[float] = []
    for n in range((len(audio.samples) * up + down - 1) // down):
        whole, phase = divmod(n * down, up)
        taps = _taps(phase / up, cut, reach)
        out.append(sum(map(operator.mul, taps, padded[whole : whole + 2 * reach + 1])))
    return Audio(rate_hz=rate_hz, samples=out)


@functools.lru_cache(maxsize=1024)
def _taps(fraction: float, cut: float, reach: int) -> list[float]:
    """Return the low-pass as seen from a point `fraction` behind a sample; they sum up to 1, so that loudness stays."""
    taps = [_sinc(cut * (k - fraction)) * _blackman((k - fraction) / (reach + 1)) for k in range(-reach, reach + 1)]
    total = sum(taps)
    return [tap / total for tap in taps]


def _sinc(x: float) -> float:
    return 1.0 if x == 0 else math.sin(math.pi * x) / (math.pi * x)


def _blackman(x: float) -> float:
    """Return the Blackman window at -1 <= x <= 1."""
    return 0.42 + 0.5 * math.cos(math.pi * x) + 0.08 * math.cos(2 * math.pi * x)
