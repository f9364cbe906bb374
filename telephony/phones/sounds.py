"""What synthetic phones send: tones, and the digits of a telephone keypad. Pure.

Audio is G.711 µ-law (ITU-T G.711), 8 kHz, one byte a sample. A digit is a telephone-event (RFC 4733). SIPp's own digit
player opens a raw socket, which only root may do; so a digit is a file that SIPp streams like audio: SIPp cuts streams of
its "iLBC" payload into packets of 50 bytes, one each 30 ms, and a receiver of telephone-events reads the first four bytes of each.
"""

import math
import struct

from hotline.errors import Misuse

RATE_HZ = 8000
KEYS = "0123456789*#ABCD"
"""The digits in the order of their event codes (RFC 4733, section 3.2)."""

PACKET_BYTES = 50
PACKET_S = 0.03
DIGIT_PACKETS = 5
DIGIT_S = DIGIT_PACKETS * PACKET_S
"""How long pressing a digit takes."""

_NAMES = {"*": "star", "#": "hash"}
_VOLUME = 10
_END = 0x80
_CLIP = 32635
_BIAS = 132


def ulaw(sample: int) -> int:
    """Return the µ-law byte of a 16-bit sample."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = magnitude.bit_length() - 8
    mantissa = magnitude >> (exponent + 3) & 0x0F
    return ~(sign | exponent << 4 | mantissa) & 0xFF


def tone(hertz: int, *, seconds: int = 1, amplitude: int = 8000) -> bytes:
    """Return a sine of a whole number of hertz, so that it can be repeated without a click."""
    if not 0 < hertz < RATE_HZ // 2:
        raise Misuse(f"a tone of {hertz} Hz cannot be sent with {RATE_HZ} samples a second")
    step = 2 * math.pi * hertz / RATE_HZ
    second = bytes(ulaw(round(amplitude * math.sin(step * i))) for i in range(RATE_HZ))
    return second * seconds


def tone_file(hertz: int) -> str:
    """Return the name under which a tone lies beside the scenario."""
    return f"tone-{hertz}.ul"


def digit(key: str) -> bytes:
    """Return the packets of one pressed digit: all but the last say "still pressed", the last one "released".

    Only one packet may carry the end: each packet of SIPp's stream has a new time stamp, so a second end would be a second digit.
    """
    if len(key) != 1 or key not in KEYS:
        raise Misuse(f"{key!r} is not on a telephone's keypad")
    event = KEYS.index(key)
    packets = []
    for number in range(1, DIGIT_PACKETS + 1):
        last = number == DIGIT_PACKETS
        duration = round(number * PACKET_S * RATE_HZ)
        packets.append(struct.pack("!BBH", event, _VOLUME | (_END if last else 0), duration).ljust(PACKET_BYTES, b"\0"))
    return b"".join(packets)


def digit_file(key: str) -> str:
    """Return the name under which a digit lies beside the scenario."""
    return f"digit-{_NAMES.get(key, key)}.te"


def digit_files() -> dict[str, bytes]:
    """Return all digits by file name."""
    return {digit_file(key): digit(key) for key in KEYS}
