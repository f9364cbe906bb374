"""One process of the hotline: the services it is asked to run, from the settings to a listening server.

Order matters twice. Starting: storage, then services (all inboxes open before the first fact), then the link to Asterisk,
then the web server. Stopping: Asterisk first (its last words are facts), then the services, the journal, the storage.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from acd.api.routes import routes as acd_routes
from acd.service import AcdService
from crm.api.audio import audio_routes
from crm.api.routes import routes as crm_routes
from crm.api.voicemails import voicemail_audio_routes
from crm.audit.periodic import PeriodicAudit
from crm.callbacks_pending import PendingCallbacks
from crm.cel.lost_calls import LostCallsService
from crm.customers.recognition import CrmService
from crm.customers.store import write_queues
from crm.journal.writer import JournalWriter
from hotline.errors import Unavailable
from hotline.runtime.service import GATHER_S
from hotline.secrets import load_or_create
from hotline.settings import Settings
from hotline.spool_file import SPOOL_FILE
from hotline.store.migrate import migrate
from hotline.store.office import Office
from hotline.store.pool import Store
from hotline.web.routes import Route
from hotline.web.server import Credentials, WebServer
from hotline.web.stream import Source
from hotline.wiring import runtime_file
from hotline.wiring.database import Database
from hotline.wiring.ground import DRAIN_S, Ground, Tell
from hotline.wiring.node import MESSAGES, Node
from hotline.wiring.rooms import Rooms
from ivr.routes import ivr_routes
from metrics.service import MetricsService, ProcessMetrics

log = structlog.get_logger(__name__)


class House:
    """The services of one process. `start`, then `run` until told to stop, then `close` (also after a failed start)."""

    def __init__(self, settings: Settings, rooms: Rooms, tell: Tell, *, leave_asterisk: bool = False) -> None:
        """`leave_asterisk`: an orderly stop leaves Asterisk and its calls to the next start on the same directory."""
        self.settings = settings
        self._leave_asterisk = leave_asterisk
        self._ground = Ground(settings, rooms, tell)
        self._database: Database | None = None
        self._node: Node | None = None
        self._acd: AcdService | None = None
        self._journal: JournalWriter | None = None
        self._web: WebServer | None = None
        self._forecasts: Source | None = None
        self._parts: list[Callable[[], dict[str, bool]]] = []
        self._routes: list[Route] = []

    # --- start --------------------------------------------------------------------------------------------------------

    async def start(self) -> dict[str, Any]:
        """Start everything and return what `runtime.json` says."""
        ground, settings = self._ground, self.settings
        self._secrets = load_or_create(settings.data_dir, settings.seats.extensions(), settings.seats.secret)
        self._database = database = await Database.open(ground)
        if "crm" in ground.rooms:
            await migrate(database.store)
            await write_queues(database.store, settings.queues)
        ground.open()
        if "telephony" in ground.rooms:
            self._node = await Node.start(ground, self._secrets)
        self._open_services(database)
        await ground.connect()
        if self._node is not None:
            await self._node.serve()
        return await self._open_doors(database)

    def _open_services(self, database: Database) -> None:
        ground = self._ground
        self._metrics = self._make_metrics()
        counts = "metrics" in ground.rooms
        inbox = ground.bus.subscribe("metrics", *self._metrics.kinds, durable=counts)
        ground.run(self._metrics, inbox, gather_s=GATHER_S)
        if "crm" in ground.rooms:
            self._open_crm(database)
        if self._node is not None:
            self._node.open_services(database.store)
            self._parts.append(self._node.readiness)
        if "acd" in ground.rooms:
            self._open_acd(database)
        if "forecast" in ground.rooms:
            self._open_forecast(database)
        if self._node is not None and "recorder" in ground.rooms:
            self._routes += audio_routes(self.settings.data_dir / "recordings")
            self._routes += voicemail_audio_routes(self.settings.data_dir / MESSAGES)
        if self._node is not None and "ivr" in ground.rooms:
            self._routes += ivr_routes(self._node.library)

    def _make_metrics(self) -> MetricsService | ProcessMetrics:
        """Only the process that runs the metrics service tells what is true for the whole hotline."""
        ground = self._ground
        if "metrics" in ground.rooms:
            return MetricsService(self.settings, ground.tally, ground.clock, whole=ground.rooms.whole)
        return ProcessMetrics(self.settings, ground.tally, ground.clock)

    def _open_crm(self, database: Database) -> None:
        ground, store = self._ground, database.store
        outbox = ground.broker.journal() if ground.broker is not None else ground.spool
        self._journal = JournalWriter(store, outbox, ground.clock, ground.tally)
        crm = CrmService(
            store, ground.bus, ground.clock, ground.tally, ground.tasks, country=self.settings.crm.country_code
        )
        lost_calls = LostCallsService(store, ground.spool.keep, ground.tally)
        ground.run(crm, ground.bus.subscribe(crm.name, *crm.kinds))
        ground.run(lost_calls, ground.bus.subscribe(lost_calls.name, *lost_calls.kinds), gather_s=GATHER_S)
        ground.tasks.spawn(self._journal.run(), name="journal")
        self._open_audit(store)
        pending = PendingCallbacks(store, ground.bus, ground.clock, ground.spool)
        ground.tasks.spawn(pending.run(), name="pending callbacks")
        self._routes += crm_routes(store, self.settings, clock=ground.clock, tell=ground.bus.publish)

    def _open_audit(self, store: Store) -> None:
        ground, settings = self._ground, self.settings
        audit = PeriodicAudit(
            store, ground.clock, ground.tally,
            interval_s=settings.crm.audit_interval_s, spools=[settings.data_dir / SPOOL_FILE],
        )  # fmt: skip
        ground.tasks.spawn(audit.run(), name="audit")

    def _open_acd(self, database: Database) -> None:
        ground = self._ground
        office = Office(database.dsn, holder=ground.process) if ground.broker is not None else None
        acd = self._acd = AcdService(
            self.settings, ground.bus, ground.clock, ground.tally, ground.tasks, ground.spool,
            office=office, process=ground.process,
        )  # fmt: skip
        inbox = ground.bus.subscribe(acd.name, *acd.kinds)
        acd.attach(inbox)
        ground.run(acd, inbox)
        standby = acd.standby
        among_routers = ground.bus.subscribe(standby.name, *standby.kinds)
        standby.attach(among_routers)
        ground.run(standby, among_routers)
        self._routes += acd_routes(acd, database.store)

    def _open_forecast(self, database: Database) -> None:
        from hotline.wiring.forecasting import open_forecast  # numerical libraries: only where forecasts are made
        from hotline.wiring.rosters import open_rosters

        routes, self._forecasts = open_forecast(self._ground, database)
        self._routes += routes
        self._routes += open_rosters(self._ground, database)

    async def _open_doors(self, database: Database) -> dict[str, Any]:
        secrets, settings = self._secrets, self.settings
        self._web = WebServer(
            settings.http,
            Credentials(token=secrets.api_token, username="admin", password=secrets.admin_password),
            self._routes,
            exposition=self._metrics.exposition,
            ready=self._readiness,
            tally=self._ground.tally,
            tasks=self._ground.tasks,
            process=self._ground.process,
            live=self._acd.board if self._acd is not None else None,
            more=self._forecasts,
        )
        address = await self._web.start()
        asterisk = self._node.asterisk if self._node is not None else None
        runtime = runtime_file.describe(settings, secrets, self._ground.rooms.names, address, database.dsn, asterisk)
        runtime_file.write(settings.data_dir, runtime)
        self._ground.stack.callback(runtime_file.remove, settings.data_dir)
        return runtime

    def _readiness(self) -> dict[str, bool]:
        found = {name: works for part in self._parts for name, works in part().items()}
        if self._ground.broker is not None:
            found["bus"] = self._ground.broker.is_up.is_set()
        return found

    # --- run and stop ---------------------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. Raises what a service died of."""
        waiting = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(self._ground.tasks.wait_failed())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if waiting[1].done():
                raise Unavailable(f"a part of hotline failed and the rest was stopped: {waiting[1].result()!r}")
        finally:
            for future in waiting:
                future.cancel()

    def run_beside(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run something beside the services until the end."""
        self._ground.tasks.spawn(work, name=name)

    async def close(self) -> None:
        """End everything that was started, whatever came of it; what could not be delivered stays in the spool."""
        for step in self._last_steps():
            try:
                await step()
            except Exception:
                log.exception("a part did not stop cleanly", part=getattr(step, "__qualname__", "step"))

    def _last_steps(self) -> list[Callable[[], Awaitable[object]]]:
        ground, node = self._ground, self._node
        steps: list[Callable[[], Awaitable[object]]] = []
        if self._acd is not None:
            steps.append(self._leave_office)
        if node is not None:
            steps.append(node.dismiss_keeper)
        if self._database is not None:
            steps.append(self._database.dismiss_keeper)
        if self._web is not None:
            steps.append(self._web.stop)
        if node is not None and not self._leave_asterisk:
            steps.append(node.end_calls)
        if node is not None:
            steps.append(node.close_link)
        return [*steps, ground.finish_services, self._drain, ground.tasks.close, ground.stack.aclose]

    async def _leave_office(self) -> None:
        """Let another router begin at once."""
        assert self._acd is not None
        self._acd.close()

    async def _drain(self) -> None:
        """Let the journal take what it can still get."""
        await self._ground.drain()
        if self._journal is not None:
            await self._journal.drain(DRAIN_S)
