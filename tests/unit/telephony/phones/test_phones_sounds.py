"""Tones and digits as they go over the wire."""

import math
import struct

import pytest

from hotline.errors import Misuse
from telephony.phones.sounds import KEYS, PACKET_BYTES, digit, digit_file, digit_files, tone, ulaw


def expand(byte: int) -> int:
    """Decode µ-law (ITU-T G.711), written independently of the encoder."""
    value = ~byte & 0xFF
    magnitude = (((value & 0x0F) << 3) + 132 << (value >> 4 & 7)) - 132
    return -magnitude if value & 0x80 else magnitude


@pytest.mark.parametrize("sample", [0, 1, -1, 100, -100, 5000, -5000, 32767, -32768])
def test_a_sample_survives_within_the_coarseness_of_the_law(sample: int) -> None:
    assert abs(expand(ulaw(sample)) - sample) <= max(abs(sample) * 0.04, 8)


@pytest.mark.parametrize(("sample", "byte"), [(0, 0xFF), (32767, 0x80), (-32768, 0x00)])
def test_known_values_of_the_law(sample: int, byte: int) -> None:
    assert ulaw(sample) == byte


def test_a_tone_can_be_repeated_without_a_click() -> None:
    samples = [expand(b) for b in tone(440)]
    assert len(samples) == 8000
    assert abs(samples[0]) < 16
    expected = 8000 * math.sin(-2 * math.pi * 440 / 8000)
    assert abs(samples[-1] - expected) < 300


@pytest.mark.parametrize("hertz", [0, -1, 4000, 5000])
def test_a_tone_that_cannot_be_sampled_is_refused(hertz: int) -> None:
    with pytest.raises(Misuse, match="cannot be sent"):
        tone(hertz)


@pytest.mark.parametrize("key", KEYS)
def test_a_digit_is_pressed_for_a_while_and_released_exactly_once(key: str) -> None:
    packets = [digit(key)[i : i + PACKET_BYTES] for i in range(0, len(digit(key)), PACKET_BYTES)]
    assert all(len(p) == PACKET_BYTES for p in packets)
    events = [struct.unpack("!BBH", p[:4]) for p in packets]
    assert {e for e, _, _ in events} == {KEYS.index(key)}
    assert [flags >> 7 for _, flags, _ in events] == [0] * (len(events) - 1) + [1]
    durations = [d for _, _, d in events]
    assert durations == sorted(set(durations))


def test_what_is_not_on_the_keypad_cannot_be_pressed() -> None:
    for key in ("", "12", "x", "é"):
        with pytest.raises(Misuse):
            digit(key)


def test_each_key_has_a_file_of_its_own_with_a_plain_name() -> None:
    assert len(digit_files()) == len(KEYS)
    assert all(name.replace("-", "").replace(".", "").isalnum() for name in digit_files())
    assert digit_file("*") != digit_file("#")
