"""Which sounds an Asterisk can play. A missing one must not be asked for: it ends the whole AsyncAGI session (tried on Asterisk 22)."""

from pathlib import Path

SUFFIXES = (".gsm", ".wav", ".ulaw", ".alaw", ".sln", ".g722")


class SoundShelf:
    """The sounds of one Asterisk, below its sounds directory; names that were found once are remembered."""

    def __init__(self, sounds_dir: Path, language: str = "en") -> None:
        self._roots = (sounds_dir, sounds_dir / language)
        self._found: set[str] = set()

    def has(self, name: str) -> bool:
        """Return whether a sound of this name is there, in any format that we load."""
        if name in self._found:
            return True
        if any((root / f"{name}{suffix}").is_file() for root in self._roots for suffix in SUFFIXES):
            self._found.add(name)
            return True
        return False
