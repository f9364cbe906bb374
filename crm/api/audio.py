"""The audio of recordings over HTTP: served by the process whose recorder keeps the files. Needs no database.

With several nodes each has its own recordings; who does not know at which node one lies asks them one after the other (`spread`).
"""

import asyncio
from pathlib import Path

from hotline.errors import Rejected
from hotline.ids import is_safe_id
from hotline.web.routes import FileAnswer, Request, Route

_DAYS = "[0-9][0-9][0-9][0-9]/[0-9][0-9]/[0-9][0-9]"
"""The directories of a recording store, one for each day (see `recorder/store.py`)."""


def audio_routes(recordings_dir: Path) -> list[Route]:
    """Return the route of the recordings' audio, for a process whose recorder keeps them in `recordings_dir`. Needs no database."""

    async def audio(request: Request) -> FileAnswer:
        recording_id = request.path["id"]
        file = await asyncio.to_thread(find_audio, recordings_dir, recording_id)
        if file is None:
            raise Rejected("not_found", f"there is no audio of recording {recording_id}")
        name = f"{recording_id}.wav".replace(":", "_")
        return FileAnswer(path=file, content_type="audio/wav", download_name=name)

    path, text = "/api/v1/recordings/{id}/audio", "The audio of one recording"
    return [Route(method="GET", path=path, handler=audio, summary=text, answer=FileAnswer, spread=True)]


def find_audio(directory: Path, recording_id: str) -> Path | None:
    """Return the file of a recording, or None. Blocks; looks at the newest days first.

    Only files in the days' directories count: a flawed recording lies elsewhere, and its row says why.
    """
    if not is_safe_id(recording_id):
        return None
    for day in sorted(directory.glob(_DAYS), reverse=True):
        file = day / f"{recording_id}.wav"
        if file.is_file() and file.resolve().is_relative_to(directory.resolve()):
            return file
    return None
