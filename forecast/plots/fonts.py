"""Whether this machine can draw Chinese, and what to write where it cannot. Reads the installed fonts.

A font without a character draws a box. In SVG the reader's browser brings the font; in PNG the machine that draws has to have it.
"""

from functools import cache

import structlog

log = structlog.get_logger(__name__)

CHINESE = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Noto Serif CJK SC", "Source Han Sans SC", "Source Han Sans CN",
    "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback", "AR PL UMing CN", "AR PL UKai CN", "SimHei", "Microsoft YaHei",
    "PingFang SC", "Heiti SC", "Arial Unicode MS",
)  # fmt: skip
REMEDY = "install fonts-noto-cjk (Debian, Ubuntu) or google-noto-sans-cjk-fonts (Fedora, RHEL); HTML pictures are in Chinese anyway"
LATIN = "DejaVu Sans"
"""Comes with matplotlib."""


@cache
def chinese_font() -> str | None:
    """Return the name of an installed font that has Chinese characters; None when there is none."""
    return _known() or (_known() if _look_again() else None)


def _known() -> str | None:
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in CHINESE if name in installed), None)


def _look_again() -> bool:
    """Add fonts that were installed after matplotlib had last written its list of them; return whether there are any."""
    from matplotlib import font_manager

    listed = {font.fname for font in font_manager.fontManager.ttflist}
    new = sorted(set(font_manager.findSystemFonts()) - listed)
    for path in new:
        try:
            font_manager.fontManager.addfont(path)
        except (OSError, RuntimeError, ValueError) as exc:
            log.debug("a font cannot be read", path=path, error=str(exc))
    return bool(new)


def sentence() -> str:
    """Return what this machine does with Chinese in PNG pictures, and what to install where it cannot draw it."""
    found = chinese_font()
    if found is not None:
        return f"Chinese in PNG pictures is drawn with {found}"
    return f"PNG pictures have English words, for no installed font has Chinese: {REMEDY}"


def families() -> list[str]:
    """Return the fonts to draw with, in order."""
    found = chinese_font()
    return [LATIN] if found is None else [LATIN, found]


def is_latin(text: str) -> bool:
    """Return whether the font that always is there has all of this text."""
    return all(ord(character) < 0x0500 or 0x2000 <= ord(character) < 0x2100 for character in text)


def drawable(text: str, otherwise: str) -> str:
    """Return the text, or what to write instead of it where it would be boxes."""
    return text if is_latin(text) or chinese_font() is not None else otherwise
