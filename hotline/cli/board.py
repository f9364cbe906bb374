"""`hotline board`: a live wallboard in the terminal, from the stream and the report of the day.

It outlives what it looks at: when the hotline is away for a while, the last figures stay, marked as old, until it is there again.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.live import Live

from hotline.cli.board_screen import Language, Look, screen
from hotline.cli.shell import JsonFlag, Shell, console, one_sentence, shell, tables
from hotline.errors import HotlineError, Misuse, Unavailable
from hotline.runtime.clock import wall_time

if TYPE_CHECKING:  # it costs start-up time that `--help` need not pay
    from rich.console import Group

    from hotline.web.stream_client import Board

TOPICS = ("queues", "agents", "calls")
REFRESHES = 4
"""How often a second the screen is drawn anew."""
TODAY_S = 10.0
"""How often the report of the day is read."""
OLD_S = 10.0
"""News that are older are marked: the hotline tells of its queues every few seconds, changed or not."""
AGAIN_S = 1.0


@one_sentence
def board(
    ctx: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Show it once and end.")] = False,
    language: Annotated[str, typer.Option("--language", help="en or zh")] = "en",
    everybody: Annotated[bool, typer.Option("--all", help="Show agents who are not logged in, too.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show queues, agents and calls live, until Ctrl-C. With --json, a line for each change. Example: hotline board --language zh."""
    from hotline.runtime import logs

    if language not in ("en", "zh"):
        raise Misuse(f"there is no language {language[:20]!r}; say en or zh")
    logs.configure(json=False, level="critical")  # errors are told in one sentence
    wall = Wall(shell(ctx), "zh" if language == "zh" else "en", everybody=everybody)
    asyncio.run(wall.print_lines(once=once) if as_json else wall.show_once() if once else wall.show())


class Wall:
    """The last figures, and how they are shown."""

    def __init__(self, found: Shell, language: Language, *, everybody: bool) -> None:
        self._shell = found
        self._zone = found.zone()
        self._language: Language = language
        self._everybody = everybody
        self._board: Board | None = None
        self._today: dict[str, Any] | None = None
        self._needed: dict[str, dict[str, Any]] = {}
        """How the forecaster sees the queues that are open; empty: nobody forecasts."""
        self._heard_at = 0.0
        """When the last figures came, by the clock of this terminal."""
        self._today_at = 0.0

    # --- ways to show it -------------------------------------------------------------------------------------------------

    async def print_lines(self, *, once: bool) -> None:
        """Print a line of JSON for each change, or one only."""
        async with aclosing(self.boards()) as boards:
            async for found in boards:
                await self._read_today(TODAY_S)
                typer.echo(_line(found, self._today))
                if once:
                    return

    async def show_once(self) -> None:
        """Print the screen once."""
        async with aclosing(self.boards()) as boards:
            self._board = await anext(boards)
        await self._read_today(0.0)
        for part in self._screen().renderables:
            tables.print(part)

    async def show(self) -> None:
        """Show the screen until the end."""
        from hotline.runtime.tasks import TaskGroup

        tasks = TaskGroup("board")
        async with aclosing(self.boards()) as boards:
            self._board = await anext(boards)
            try:
                tasks.spawn(self._keep_today(), name="today")
                news = tasks.spawn(self._go_on(boards), name="news")
                with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
                    while not news.done():
                        live.update(self._screen(), refresh=True)
                        await asyncio.wait([news], timeout=1 / REFRESHES)
                await news
            finally:
                await tasks.close()

    def _screen(self) -> "Group":
        assert self._board is not None
        silent_s = wall_time() - self._heard_at
        look = Look(
            now=self._board.at + max(silent_s, 0.0),
            zone=self._zone,
            language=self._language,
            everybody=self._everybody,
            lost_at=self._board.at if silent_s > OLD_S else None,
        )
        return screen(self._board, self._today, look, self._needed)

    # --- where it comes from ---------------------------------------------------------------------------------------------

    async def boards(self) -> AsyncGenerator["Board", None]:
        """Return the board each time it changed; once there was one, for ever, wherever the hotline listens then."""
        from hotline.web.stream_client import follow

        heard = False
        while True:
            try:
                client = self._shell.client()
                async with aclosing(follow(client.base, client.token, TOPICS, attempts=1)) as boards:
                    async for found in boards:
                        heard, self._heard_at = True, wall_time()
                        yield found
            except Unavailable:
                if not heard:
                    raise
                await asyncio.sleep(AGAIN_S)

    async def _go_on(self, boards: AsyncGenerator["Board", None]) -> None:
        async for found in boards:
            self._board = found

    async def _keep_today(self) -> None:
        while True:
            await self._read_today(0.0)
            await asyncio.sleep(TODAY_S)

    async def _read_today(self, age_s: float) -> None:
        """Read the report of the day, unless it was read a moment ago; where nobody tells it, the last one stays."""
        if wall_time() - self._today_at < age_s:
            return
        self._today_at = wall_time()
        try:
            client = self._shell.client()
            self._today = await asyncio.to_thread(client.get, "/api/v1/reports/summary")
            forecasts = await asyncio.to_thread(client.get, "/api/v1/forecasts")
            self._needed = {f["queue_id"]: f for f in forecasts if f["required"] is not None}
        except HotlineError:
            return


def _line(board: "Board", today: dict[str, Any] | None) -> str:
    """Return the whole board as one line of JSON."""
    counted = today["queues"] if today is not None else None
    return json.dumps(
        {"at": board.at, **{topic: board.of(topic) for topic in TOPICS}, "today": counted}, ensure_ascii=False
    )
