"""The door to speech: makes a sound file for every text of the flows, with espeak-ng or from the operator's recordings.

Files lie in `<directory>/<language>/<name>.wav` (see `naming`), each written at once or not at all. A recording
`<directory>/custom/<language>/<name of the text>.wav` goes before the voice. `<directory>/index.json` tells what each file was
made from, so that a changed recording is noticed. Where a voice cannot be had, the call still goes on: the texts' fallback
sounds are played.
"""

import asyncio
import hashlib
import os
import shutil
import wave
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from hotline import tools
from hotline.errors import HotlineError, Misuse, Unavailable
from ivr.flow.model import Flow, Say, says
from ivr.speech.naming import VOICES, WORDS_PER_MINUTE, SoundBook, file_name, sound_name
from ivr.speech.sound import RATE_HZ, for_telephone, read_wav, write_wav

PROGRAM = "espeak-ng"
SPEAK_TIMEOUT_S = 30.0
RECORDING_LIMIT_BYTES = 50_000_000
INDEX = "index.json"
VOICE = "voice"
"""In the index: made by the voice; otherwise the SHA-256 of the recording."""

Speaker = Callable[[str, str], Awaitable[bytes]]
"""(language, text) -> a WAV file. Raises Unavailable when it cannot speak."""
Progress = Callable[[str], None]
FindSpeaker = Callable[[Progress], Awaitable[Speaker]]


class PromptReport(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to hear."""

    sounds: SoundBook
    made: int = 0
    """Files that were made now."""
    kept: int = 0
    """Files that were there already."""
    recordings: int = 0
    """How many of all come from the operator's recordings."""
    warnings: tuple[str, ...] = ()


class _Wish(msgspec.Struct, frozen=True, kw_only=True):
    """One text in one language."""

    language: str
    text: str
    says: tuple[Say, ...]
    """Where it is said."""

    @property
    def sound(self) -> str:
        return sound_name(self.language, self.text)

    @property
    def file(self) -> Path:
        """Relative to the directory of prompts."""
        return Path(self.language) / f"{file_name(self.language, self.text)}.wav"


async def find_speaker(progress: Progress) -> Speaker:
    """Return the voice of espeak-ng: the one on the PATH, else our own copy. Raises Unavailable."""
    if (found := shutil.which(PROGRAM)) is not None:
        return Espeak([found], None)
    tool = await asyncio.to_thread(tools.bring, PROGRAM, [PROGRAM], progress=progress)
    return Espeak(tool.command(PROGRAM), tool.environment())


class Espeak:
    """Speaks with espeak-ng, a process for each text."""

    def __init__(self, command: list[str], environment: Mapping[str, str] | None) -> None:
        self._command = command
        self._environment = environment

    async def __call__(self, language: str, text: str) -> bytes:
        """Return `text` as a WAV file. Raises Unavailable."""
        options = ["-v", VOICES[language], "-s", str(WORDS_PER_MINUTE), "-b", "1", "--stdin", "--stdout"]
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, *options, stdin=pipe, stdout=pipe, stderr=pipe, env=self._environment
            )
        except OSError as exc:
            raise Unavailable(f"{PROGRAM} cannot be started: {exc.strerror}") from exc
        try:
            spoken, said = await asyncio.wait_for(process.communicate(text.encode()), SPEAK_TIMEOUT_S)
        except TimeoutError as exc:
            raise Unavailable(f"{PROGRAM} did not end within {SPEAK_TIMEOUT_S:g} s") from exc
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0 or not spoken:
            raise Unavailable(f"{PROGRAM} failed: {tools.last_lines(said.decode(errors='replace'))}")
        return spoken


async def prepare_prompts(
    flows: Iterable[Flow],
    directory: Path,
    progress: Progress,
    *,
    house: Iterable[Say] = (),
    find: FindSpeaker = find_speaker,
) -> PromptReport:
    """Make what is missing below `directory` and return what there is.

    `house`: what is said in no flow, but to callers of any; in the languages that flows speak.
    What cannot be made is told in `warnings` and has a substitute in `sounds`. Raises Misuse when `directory` cannot be written.
    """
    wishes = _wishes(tuple(flows), house)
    work = _Workshop(directory, progress, find)
    for wish in wishes:
        await work.fulfil(wish)
    work.close(wishes)
    return work.report()


def recordings(directory: Path) -> list[str]:
    """Return the names of the operator's recordings below `directory`, in whichever language. Blocks."""
    return sorted({file.stem for file in (directory / "custom").glob("*/*.wav")})


def _wishes(flows: Collection[Flow], house: Iterable[Say]) -> list[_Wish]:
    """Return every text once per language; the same text in two places is one file."""
    places: dict[tuple[str, str], list[Say]] = {}
    for flow in flows:
        for say in says(flow):
            for language, text in say.texts.items():
                places.setdefault((language, text), []).append(say)
    spoken = {language for flow in flows for language in flow.languages}
    for say in house:
        for language, text in say.texts.items():
            if language in spoken:
                places.setdefault((language, text), []).append(say)
    return [_Wish(language=language, text=text, says=tuple(found)) for (language, text), found in places.items()]


class _Workshop:
    """Fulfils wishes one after the other and keeps count."""

    def __init__(self, directory: Path, progress: Progress, find: FindSpeaker) -> None:
        self._directory = directory
        self._progress = progress
        self._find = find
        self._speaker: Speaker | None = None
        self._silent = ""
        """Why there is no voice."""
        self._index = _read_index(directory / INDEX)
        self._seconds: dict[str, float] = {}
        self._substitutes: dict[str, tuple[str, ...]] = {}
        self._warnings: list[str] = []
        self._made = self._kept = self._recordings = 0

    async def fulfil(self, wish: _Wish) -> None:
        """See to it that the file of `wish` is there and right, or that it has a substitute."""
        recording = await self._recording(wish)
        source = recording[0] if recording else VOICE
        self._recordings += recording is not None
        target = self._directory / wish.file
        seconds = _length_s(target) if self._index.get(str(wish.file)) == source else 0.0
        if seconds:
            self._kept += 1
        else:
            try:
                wav = recording[1] if recording else await self._speak(wish)
            except HotlineError as exc:
                self._substitute(wish, str(exc))
                return
            _write(target, wav)
            self._made += 1
            seconds = _length_s(target)
        self._index[str(wish.file)] = source
        self._seconds[wish.sound] = seconds

    async def _recording(self, wish: _Wish) -> tuple[str, bytes] | None:
        """Return the operator's recording, ready for the telephone, and its hash."""
        for say in wish.says:
            file = self._directory / "custom" / wish.language / f"{say.name}.wav"
            try:
                data = file.read_bytes() if file.stat().st_size <= RECORDING_LIMIT_BYTES else b""
                return hashlib.sha256(data).hexdigest(), await asyncio.to_thread(_fit, data)
            except FileNotFoundError:
                continue
            except (OSError, Misuse) as exc:
                self._warnings.append(f"{file}: {exc}; the generated voice is used instead")
        return None

    async def _speak(self, wish: _Wish) -> bytes:
        if self._silent:
            raise Unavailable(self._silent)
        if self._speaker is None:
            try:
                self._speaker = await self._find(self._progress)
            except HotlineError as exc:
                self._silent = str(exc)
                raise
            self._progress("speaking the prompts")
        spoken = await self._speaker(wish.language, wish.text)
        return await asyncio.to_thread(_fit, spoken)

    def _substitute(self, wish: _Wish, why: str) -> None:
        self._substitutes[wish.sound] = wish.says[0].fallback
        if not self._silent:
            self._warnings.append(
                f"{wish.says[0].name} ({wish.language}): {why}; a sound of Asterisk is played instead"
            )

    def close(self, wishes: Iterable[_Wish]) -> None:
        """Keep the index of what is in use."""
        used = {str(wish.file) for wish in wishes}
        index = {file: source for file, source in self._index.items() if file in used}
        _write(self._directory / INDEX, msgspec.json.format(msgspec.json.encode(index)))

    def report(self) -> PromptReport:
        warnings = list(self._warnings)
        if self._silent:
            warnings.append(
                f"{len(self._substitutes)} prompts cannot be spoken and are replaced by Asterisk's own English sounds: "
                f"{self._silent}. Install {PROGRAM}, or start again with a network"
            )
        return PromptReport(
            sounds=SoundBook(seconds=self._seconds, substitutes=self._substitutes),
            made=self._made,
            kept=self._kept,
            recordings=self._recordings,
            warnings=tuple(warnings),
        )


def _fit(data: bytes) -> bytes:
    return write_wav(for_telephone(read_wav(data)))


def _length_s(file: Path) -> float:
    """Return how long a file of ours plays; 0 when it is missing or not of ours."""
    try:
        with closing(wave.open(str(file), "rb")) as sound:
            kind = (sound.getnchannels(), sound.getsampwidth(), sound.getframerate())
            whole = file.stat().st_size >= 44 + 2 * sound.getnframes()
            return sound.getnframes() / RATE_HZ if kind == (1, 2, RATE_HZ) and whole else 0.0
    except (OSError, EOFError, wave.Error):
        return 0.0


def _read_index(file: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return {}


def _write(file: Path, data: bytes) -> None:
    """Write a file at once or not at all. Raises Misuse."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(file)
    except OSError as exc:
        with suppress(OSError):  # the directory itself may be what is wrong
            part.unlink(missing_ok=True)
        raise Misuse(f"{file} cannot be written: {exc.strerror}") from exc
