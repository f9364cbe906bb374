"""A picture as PNG, without any library: filled boxes, and letters of seven by five dots. Pure.

It is for places that show no SVG (a mail, a chat). The letters are those of ASCII and `±`: a text with others, say a policy with a Chinese name, is
drawn as its number (`#1`), and `key_of` tells which is which. SVG and HTML show everything.

Format: PNG (Portable Network Graphics, W3C Recommendation, second edition), 8 bits of red, green and blue, no filter.
"""

import zlib
from collections.abc import Iterable

from acd.simulation.plot import INK, Box, Picture, Words

SCALE = 2
"""Each pixel of the picture becomes so many in a row, for screens of today."""
_SPACE = 6
"""Pixels from one letter to the next."""
_HEIGHT = 7

_DOTS = {
    " ": "0000000000", "!": "00005F0000", '"': "0007000700", "#": "147F147F14", "$": "242A7F2A12", "%": "2313086462",
    "&": "3649562050", "'": "0000070000", "(": "001C224100", ")": "0041221C00", "*": "14083E0814", "+": "08083E0808",
    ",": "0050300000", "-": "0808080808", ".": "0060600000", "/": "2010080402", "0": "3E5149453E", "1": "00427F4000",
    "2": "4261514946", "3": "2141454B31", "4": "1814127F10", "5": "2745454539", "6": "3C4A494930", "7": "0171090503",
    "8": "3649494936", "9": "064949291E", ":": "0036360000", ";": "0056360000", "<": "0814224100", "=": "1414141414",
    ">": "0041221408", "?": "0201510906", "@": "324979413E", "A": "7E1111117E", "B": "7F49494936", "C": "3E41414122",
    "D": "7F4141221C", "E": "7F49494941", "F": "7F09090901", "G": "3E4149497A", "H": "7F0808087F", "I": "00417F4100",
    "J": "2040413F01", "K": "7F08142241", "L": "7F40404040", "M": "7F020C027F", "N": "7F0408107F", "O": "3E4141413E",
    "P": "7F09090906", "Q": "3E4151215E", "R": "7F09192946", "S": "4649494931", "T": "01017F0101", "U": "3F4040403F",
    "V": "1F2040201F", "W": "3F4038403F", "X": "6314081463", "Y": "0708700807", "Z": "6151494543", "[": "007F414100",
    "\\": "0204081020", "]": "0041417F00", "^": "0402010204", "_": "4040404040", "`": "0001020400", "a": "2054545478",
    "b": "7F48444438", "c": "3844444420", "d": "384444487F", "e": "3854545418", "f": "087E090102", "g": "0C5252523E",
    "h": "7F08040478", "i": "00447D4000", "j": "2040443D00", "k": "7F10284400", "l": "00417F4000", "m": "7C04180478",
    "n": "7C08040478", "o": "3844444438", "p": "7C14141408", "q": "081414187C", "r": "7C08040408", "s": "4854545420",
    "t": "043F444020", "u": "3C4040207C", "v": "1C2040201C", "w": "3C4030403C", "x": "4428102844", "y": "0C5050503C",
    "z": "4464544C44", "{": "0008364100", "|": "00007F0000", "}": "0041360800", "~": "0201020402", "±": "44445F4444",
}  # fmt: skip
"""Each letter as five columns of seven dots, the highest in the lowest bit."""


def key_of(picture: Picture) -> dict[str, str]:
    """Return what stands in the picture for texts that it cannot show: text -> number."""
    texts = [s.text for s in picture.shapes if isinstance(s, Words) and not set(s.text) <= _DOTS.keys()]
    return {text: f"#{number}" for number, text in enumerate(dict.fromkeys(texts), start=1)}


def png(picture: Picture) -> bytes:
    """Return the picture as PNG."""
    canvas = _Canvas(picture.width * SCALE, picture.height * SCALE)
    key = key_of(picture)
    for shape in picture.shapes:
        if isinstance(shape, Box):
            canvas.fill(shape.x, shape.y, shape.width, shape.height, shape.colour)
        else:
            canvas.write(shape, key.get(shape.text, shape.text))
    return canvas.encoded()


class _Canvas:
    """Rows of pixels, white at first."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._rows = [bytearray(b"\xff" * 3 * width) for _ in range(height)]

    def fill(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        left, right = self._within((x, x + width), self._width)
        top, bottom = self._within((y, y + height), self._height)
        line = bytes.fromhex(colour.removeprefix("#")) * (right - left)
        for row in self._rows[top:bottom]:
            row[3 * left : 3 * right] = line

    def _within(self, edges: Iterable[float], limit: int) -> tuple[int, int]:
        low, high = (min(max(round(edge * SCALE), 0), limit) for edge in edges)
        return low, high

    def write(self, words: Words, text: str) -> None:
        left = words.x - len(text) * _SPACE if words.to_the_left else words.x
        for place, letter in enumerate(text):
            columns = bytes.fromhex(_DOTS[letter])
            for number, column in enumerate(columns):
                for dot in (dot for dot in range(_HEIGHT) if column >> dot & 1):
                    x, y = left + place * _SPACE + number, words.y - _HEIGHT + dot
                    self.fill(x, y, 1.5 if words.bold else 1, 1, INK)

    def encoded(self) -> bytes:
        head = self._width.to_bytes(4) + self._height.to_bytes(4) + bytes((8, 2, 0, 0, 0))
        pixels = zlib.compress(b"".join(b"\0" + row for row in self._rows), 9)
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            _chunk(kind, data) for kind, data in ((b"IHDR", head), (b"IDAT", pixels), (b"IEND", b""))
        )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)
