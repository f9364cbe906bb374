"""What Asterisk records and what we keep. Pure.

MixMonitor writes headerless audio: 16-bit little-endian samples, 8,000 a second, caller and agent interleaved, so one frame
is four bytes. We keep WAV files: the 44-byte RIFF header of linear PCM (Multimedia Programming Interface and Data
Specifications 1.0, IBM and Microsoft, 1991) in front of the same frames. Caller left, agent right.
"""

import struct
from array import array
from dataclasses import dataclass
from math import sqrt
from typing import Literal

RATE_HZ = 8000
CHANNELS = 2
SAMPLE_BYTES = 2
FRAME_BYTES = CHANNELS * SAMPLE_BYTES
HEADER_BYTES = 44
DATA_LIMIT_BYTES = 0xFFFFFFFF - HEADER_BYTES
"""A WAV header counts bytes in 32 bits: 37 hours."""

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM = 1
_EVERY = 13
"""Loudness is judged by every thirteenth frame: 600 a second are plenty, and an odd step does not fall into step with a tone."""

Problem = Literal["empty", "broken", "too_short"]


@dataclass(frozen=True, kw_only=True)
class Audio:
    """What is known about a piece of recorded audio."""

    data_bytes: int
    loudness: tuple[float, float] = (0.0, 0.0)
    """Root mean square of caller and agent, 0 (silence) to 32,767."""

    @property
    def whole(self) -> bool:
        """Whether the last frame is complete."""
        return self.data_bytes % FRAME_BYTES == 0

    @property
    def frames(self) -> int:
        """Complete frames."""
        return self.data_bytes // FRAME_BYTES

    @property
    def duration_s(self) -> float:
        """How long it plays."""
        return self.frames / RATE_HZ


def find_problem(audio: Audio, talked_s: float | None, tolerance_s: float) -> tuple[Problem, str] | None:
    """Return what is wrong with a recording of a conversation of `talked_s` (None: unknown), and details; None when it is complete."""
    if audio.data_bytes == 0:
        return "empty", "the file has no audio"
    if not audio.whole:
        return "broken", f"{audio.data_bytes} bytes are not a whole number of frames"
    if audio.data_bytes > DATA_LIMIT_BYTES:
        return "broken", f"{audio.data_bytes} bytes are more than a WAV file can hold"
    if talked_s is not None and audio.duration_s < talked_s - tolerance_s:
        return "too_short", f"{audio.duration_s:.2f} s of a conversation of {talked_s:.2f} s"
    return None


def wav_header(data_bytes: int) -> bytes:
    """Return the header for this much audio."""
    return _HEADER.pack(
        b"RIFF", HEADER_BYTES - 8 + data_bytes, b"WAVE", b"fmt ", 16, _PCM, CHANNELS, RATE_HZ,
        RATE_HZ * FRAME_BYTES, FRAME_BYTES, SAMPLE_BYTES * 8, b"data", data_bytes,
    )  # fmt: skip


def read_wav_header(header: bytes, file_bytes: int) -> Audio | None:
    """Return what a WAV file of ours holds, or None when the header is not ours or its sizes do not fit the file."""
    if len(header) < HEADER_BYTES:
        return None
    data_bytes = file_bytes - HEADER_BYTES
    if data_bytes < 0 or header[:HEADER_BYTES] != wav_header(data_bytes):
        return None
    return Audio(data_bytes=data_bytes)


class LoudnessMeter:
    """Judges how loud each side is, chunk by chunk. Chunks must be whole frames."""

    def __init__(self) -> None:
        self._squares = [0, 0]
        self._count = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next chunk."""
        samples = array("h")
        samples.frombytes(chunk)
        for channel in range(CHANNELS):
            some = samples[channel :: CHANNELS * _EVERY]
            self._squares[channel] += sum(s * s for s in some)
        self._count += len(samples[:: CHANNELS * _EVERY])

    def loudness(self) -> tuple[float, float]:
        """Return the root mean square of each side so far."""
        count = max(self._count, 1)
        return sqrt(self._squares[0] / count), sqrt(self._squares[1] / count)
