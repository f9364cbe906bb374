"""The database of a process: an external one by its DSN, or a private PostgreSQL that is started and kept alive here."""

import structlog

from hotline.store.pool import Store
from hotline.store.private import PrivatePostgres
from hotline.wiring.ground import Ground
from hotline.wiring.keeping import Kept

log = structlog.get_logger(__name__)


class Database:
    """Made by `open`."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._postgres: Kept[PrivatePostgres] | None = None
        self.dsn = ""
        self.store: Store

    @classmethod
    async def open(cls, ground: Ground) -> "Database":
        """Start the private server when no other is named, and open a store; an external server need not be there yet."""
        database = cls(ground)
        settings = ground.settings.database
        if settings.dsn is not None:
            database.dsn = settings.dsn.get_secret_value()
        else:
            await database._start_private()
        database.store = await Store.open(
            database.dsn, size=settings.pool_size, command_timeout_s=settings.command_timeout_s
        )
        ground.stack.push_async_callback(database.store.close)
        return database

    async def _start_private(self) -> None:
        kept = self._postgres = Kept("postgresql", self._start, self._ground.tasks)
        await kept.start()
        self._ground.stack.push_async_callback(lambda: kept.program.stop())  # whichever runs then
        self.dsn = kept.program.dsn
        kept.keep()

    async def _start(self) -> PrivatePostgres:
        settings = self._ground.settings
        return await PrivatePostgres.start(settings.data_dir, fsync=settings.database.fsync, progress=self._ground.tell)

    async def dismiss_keeper(self) -> None:
        """From here on its end is meant."""
        if self._postgres is not None:
            await self._postgres.dismiss()
