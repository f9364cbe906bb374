"""The wiring: every service of the house in one process, from the settings to a listening server. The only such place.

Order matters twice. Starting: storage, then services (all inboxes open before the first fact), then the link to Asterisk,
then the web server. Stopping: Asterisk first (its last words are facts), then the services, the journal, the storage.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import structlog

from acd.routes import routes as acd_routes
from acd.service import AcdService
from crm.cel_reader import CelReader
from crm.customers import write_queues
from crm.journal import JournalWriter
from crm.lost_calls import LostCallsService
from crm.routes import routes as crm_routes
from crm.service import CrmService
from hotline import __version__
from hotline.bus.base import Inbox
from hotline.bus.memory import MemoryBus
from hotline.cli import runtime_file
from hotline.cli.demo import stream
from hotline.errors import HotlineError, Unavailable
from hotline.facts import ServiceStarted
from hotline.ids import NodeId, QueueId
from hotline.runtime.clock import SteadyClock
from hotline.runtime.service import Service, serve
from hotline.runtime.tasks import TaskGroup
from hotline.secrets import Secrets, load_or_create
from hotline.settings import Settings
from hotline.spool import Spool
from hotline.store.migrate import migrate
from hotline.store.pool import Store
from hotline.store.private import PrivatePostgres
from hotline.tally import Tally
from hotline.web.server import Credentials, WebServer
from ivr.library import Library, read_flows
from ivr.prompts import PromptReport, prepare_prompts
from ivr.routes import ivr_routes
from ivr.service import IvrService
from metrics.service import MetricsService
from recorder.service import RecorderService
from telephony.ami.link import AmiLink
from telephony.asterisk.sounds import SoundShelf
from telephony.asterisk.supervise import PrivateAsterisk
from telephony.lines import Lines
from telephony.service import TelephonyService

log = structlog.get_logger(__name__)

READY_TIMEOUT_S = 30.0
LAST_WORDS_S = 3.0
DRAIN_S = 5.0
RESTART_PAUSE_S = 1.0
RESTART_PAUSE_MAX_S = 30.0

Tell = Callable[[str], None]


class House:
    """All services in one process. `start`, then `run` until told to stop, then `close` (also after a failed start)."""

    def __init__(self, settings: Settings, tell: Tell) -> None:
        self.settings = settings
        self._tell = tell
        self._stack = AsyncExitStack()
        self._tasks = TaskGroup("hotline")
        self.clock = SteadyClock()
        self.tally = Tally()
        self.tally.probe(lambda: self.tally.level("tasks", len(asyncio.all_tasks())))
        self._inboxes: list[Inbox] = []
        self._loops: list[asyncio.Task[None]] = []
        self._keepers: list[asyncio.Task[None]] = []

    # --- start --------------------------------------------------------------------------------------------------------

    async def start(self) -> dict[str, Any]:
        """Start everything and return what `runtime.json` says."""
        settings = self.settings
        self.secrets = load_or_create(settings.data_dir, settings.seats.extensions())
        self._store = await self._open_store()
        self._spool = self._open_spool()
        self._bus = MemoryBus(self.tally, keep=self._spool.keep)
        library = read_flows(settings)
        prompts = await prepare_prompts(library.flows, settings.data_dir / "prompts", self._tell)
        for problem in (*library.problems, *prompts.warnings):
            self._tell(problem)
        self._asterisk = await self._start_asterisk()
        self._stack.callback(self._asterisk.let_go)
        self._library = library
        self._make_services(library, prompts)
        await self._start_telephony()
        address = await self._start_web()
        self._runtime = runtime_file.describe(settings, self.secrets, self._asterisk, address, self._dsn)
        runtime_file.write(settings.data_dir, self._runtime)
        self._stack.callback(runtime_file.remove, settings.data_dir)
        return self._runtime

    async def _open_store(self) -> Store:
        database = self.settings.database
        if database.dsn is not None:
            self._dsn = database.dsn.get_secret_value()
        else:
            self._postgres = await self._start_postgres()
            self._stack.push_async_callback(self._stop_postgres)
            self._dsn = self._postgres.dsn
            self._keepers.append(self._tasks.spawn(self._keep_postgres(self._postgres), name="keep-postgres"))
        store = await Store.open(self._dsn, size=database.pool_size, command_timeout_s=database.command_timeout_s)
        self._stack.push_async_callback(store.close)
        await migrate(store)
        await write_queues(store, self.settings.queues)
        return store

    def _open_spool(self) -> Spool:
        spool = Spool.open(
            self.settings.data_dir / "spool.db",
            source=f"hotline@{self.settings.asterisk.node}",
            max_facts=self.settings.spool.max_facts,
            clock=self.clock,
            tally=self.tally,
        )
        self._stack.callback(spool.close)
        return spool

    def _make_services(self, library: Library, prompts: PromptReport) -> None:
        settings, bus, clock, tally, tasks = self.settings, self._bus, self.clock, self.tally, self._tasks
        self._journal = JournalWriter(self._store, self._spool, clock, tally)
        self._metrics = MetricsService(settings, tally, clock)
        self._acd = AcdService(settings, bus, clock, tally, tasks, self._spool)
        crm = CrmService(self._store, bus, clock, tally, tasks, country=settings.crm.country_code)
        lost_calls = LostCallsService(self._store, self._spool.keep, tally)
        cel = CelReader(
            self._asterisk.cel_file, NodeId(settings.asterisk.node), self._store, self._spool, self._spool.keep, tally
        )
        self._stack.callback(cel.close)
        recorder = RecorderService(
            settings,
            self._asterisk.monitor_dir,
            settings.data_dir / "recordings",
            bus,
            clock,
            tally,
            tasks,
            writer=lambda: self._asterisk.pid,
        )
        ivr = IvrService(
            library.by_number,
            bus,
            clock,
            tally,
            tasks,
            sounds=prompts.sounds,
            music={QueueId(queue.id): queue.music_class for queue in settings.queues},
        )
        self._open(self._metrics, bus.subscribe("metrics", *self._metrics.kinds))
        self._open(crm, bus.subscribe("crm", *crm.kinds))
        self._open(recorder, bus.subscribe("recorder", *recorder.kinds))
        for attached in (self._acd, ivr):
            inbox = bus.subscribe(attached.name, *attached.kinds)
            attached.attach(inbox)
            self._open(attached, inbox)
        self._open(lost_calls, bus.subscribe(lost_calls.name, *lost_calls.kinds))
        tasks.spawn(self._journal.run(), name="journal")
        tasks.spawn(cel.run(clock), name="cel")

    def _open(self, service: Service, inbox: Inbox) -> None:
        """Start the loop of a service on its inbox, and tell that it began."""
        self._inboxes.append(inbox)
        self._loops.append(self._tasks.spawn(serve(service, inbox, self.clock, self.tally), name=service.name))
        self._bus.publish(ServiceStarted(at=self.clock.now(), service=service.name, build=__version__))

    async def _start_telephony(self) -> None:
        settings, asterisk = self.settings, self._asterisk
        node = NodeId(settings.asterisk.node)
        self._link = AmiLink(
            node,
            asterisk.ami_host,
            asterisk.ami_port,
            asterisk.ami_username,
            asterisk.ami_secret,
            settings.ami,
            self.clock,
            self.tally,
            self._tasks,
        )
        lines = Lines(node, settings.seats.extensions())
        self._telephony = TelephonyService(
            settings.asterisk,
            lines,
            self._link,
            self._bus,
            clock=self.clock,
            tally=self.tally,
            tasks=self._tasks,
            has_sound=SoundShelf(asterisk.dirs.lib / "sounds").has,
        )
        self._telephony.start()
        await self._link.start()
        try:
            await asyncio.wait_for(self._telephony.became_ready.wait(), READY_TIMEOUT_S)
        except TimeoutError as exc:
            why = self._link.down_reason.replace("_", " ")
            raise Unavailable(
                f"Asterisk's manager port does not let us in: {why}; its log is in {asterisk.log_dir}"
            ) from exc
        self._keepers.append(self._tasks.spawn(self._keep_asterisk(), name="keep-asterisk"))

    async def _start_web(self) -> str:
        secrets: Secrets = self.secrets
        self._web = WebServer(
            self.settings.http,
            Credentials(token=secrets.api_token, username="admin", password=secrets.admin_password),
            [
                *crm_routes(self._store, self.settings, self.settings.data_dir / "recordings", self.clock),
                *acd_routes(self._acd),
                *ivr_routes(self._library),
            ],
            exposition=self._metrics.exposition,
            ready=lambda: {"telephony": self._telephony.ready, "asterisk": self._asterisk.running()},
            tally=self.tally,
        )
        return await self._web.start()

    # --- run and stop ---------------------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. Raises what a service died of."""
        waiting = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(self._tasks.wait_failed())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if waiting[1].done():
                raise Unavailable(f"a part of hotline failed and the rest was stopped: {waiting[1].result()!r}")
        finally:
            for future in waiting:
                future.cancel()

    def spawn_demo(self) -> None:
        """Keep a gentle stream of synthetic calls running beside the real ones."""
        self._tasks.spawn(stream(self.settings, self._runtime, self._tell), name="demo")

    async def _keep_asterisk(self) -> None:
        """Start Asterisk again whenever it dies; the link comes back by itself."""
        while True:
            await self._asterisk.wait_dead()
            log.error("asterisk died", pid=self._asterisk.pid, status=self._asterisk.exit_code)
            await self._asterisk.stop()  # it is dead; this frees its directory for the next
            self._asterisk = await _start_again("asterisk", self._start_asterisk)

    async def _start_asterisk(self) -> PrivateAsterisk:
        return await PrivateAsterisk.start(self.settings, self.settings.data_dir, self.secrets, self._tell)

    async def _keep_postgres(self, postgres: PrivatePostgres) -> None:
        """Start PostgreSQL again whenever it dies, at the same address; until then the spool keeps the facts."""
        while True:
            log.error("postgresql died", said=await postgres.wait_dead())
            await postgres.stop()
            postgres = await _start_again("postgresql", self._start_postgres)
            self._postgres = postgres

    async def _start_postgres(self) -> PrivatePostgres:
        return await PrivatePostgres.start(
            self.settings.data_dir, fsync=self.settings.database.fsync, progress=self._tell
        )

    async def close(self) -> None:
        """End everything that was started, whatever came of it; what the journal could not take stays in the spool."""
        steps: list[Callable[[], Awaitable[object]]] = [self._dismiss_keepers]
        if hasattr(self, "_web"):
            steps.append(self._web.stop)
        if hasattr(self, "_telephony"):
            steps.append(lambda: self._telephony.end_calls(LAST_WORDS_S))
        if hasattr(self, "_asterisk"):
            steps.append(self._stop_asterisk)
        if hasattr(self, "_link"):
            steps.append(self._link.close)
        steps += [self._finish_services, self._tasks.close, self._stack.aclose]
        for step in steps:
            try:
                await step()
            except Exception:
                log.exception("a part did not stop cleanly", part=getattr(step, "__name__", "step"))

    async def _stop_asterisk(self) -> None:
        await self._asterisk.stop()

    async def _stop_postgres(self) -> None:
        await self._postgres.stop()

    async def _dismiss_keepers(self) -> None:
        """From here on what ends is meant to end."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def _finish_services(self) -> None:
        """Let every service handle what it has, then the journal take it."""
        for inbox in self._inboxes:
            inbox.close()
        if self._loops:
            await asyncio.wait(self._loops, timeout=DRAIN_S)
        if hasattr(self, "_journal"):
            await self._journal.drain(DRAIN_S)


T = TypeVar("T")


async def _start_again(what: str, start: Callable[[], Awaitable[T]]) -> T:
    """Start a program that died, with growing pauses, until it runs."""
    pause = RESTART_PAUSE_S
    while True:
        await asyncio.sleep(pause)
        try:
            return await start()
        except HotlineError as exc:
            log.error("cannot be started again", what=what, error=str(exc))
            pause = min(pause * 2, RESTART_PAUSE_MAX_S)
