"""The database of a process: an external one by its DSN, or a private PostgreSQL that is started and kept alive here."""

import asyncio

import structlog

from hotline.store.pool import Store
from hotline.store.private import PrivatePostgres
from hotline.wiring.ground import Ground
from hotline.wiring.keeping import start_again

log = structlog.get_logger(__name__)


class Database:
    """Made by `open`."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._keeper: asyncio.Task[None] | None = None
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
        self._postgres = await self._start()
        self._ground.stack.push_async_callback(self._stop)
        self.dsn = self._postgres.dsn
        self._keeper = self._ground.tasks.spawn(self._keep(), name="keep-postgres")

    async def _start(self) -> PrivatePostgres:
        settings = self._ground.settings
        return await PrivatePostgres.start(settings.data_dir, fsync=settings.database.fsync, progress=self._ground.tell)

    async def _keep(self) -> None:
        while True:
            log.error("postgresql died", said=await self._postgres.wait_dead())
            await self._postgres.stop()
            self._postgres = await start_again("postgresql", self._start)

    async def dismiss_keeper(self) -> None:
        """From here on its end is meant."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    async def _stop(self) -> None:
        await self._postgres.stop()
