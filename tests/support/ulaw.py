"""What a phone heard, as samples: G.711 µ-law (ITU-T G.711) decoded."""

from collections.abc import Sequence

_BIAS = 132


def _decode(byte: int) -> int:
    value = ~byte & 0xFF
    magnitude = ((value & 0x0F) << 3) + _BIAS << (value >> 4 & 0x07)
    return _BIAS - magnitude if value & 0x80 else magnitude - _BIAS


_SAMPLES = tuple(_decode(byte) for byte in range(256))


def samples(heard: bytes) -> Sequence[int]:
    """Return 16-bit samples."""
    return [_SAMPLES[byte] for byte in heard]
