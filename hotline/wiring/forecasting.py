"""The forecaster of a process: its pools of processes, its doors, its tasks and its routes."""

from forecast.api import routes
from forecast.api_whatif import whatif_routes
from forecast.books.reading import Archive
from forecast.books.tables import Tables
from forecast.duties.doors import Doors
from forecast.duties.turn import NAME, Turn
from forecast.processes.pool import Pool
from forecast.rosters.store import RosterStore
from forecast.service import ForecastService
from forecast.stream import ForecastStream
from hotline.runtime.service import GATHER_S
from hotline.store.office import Office
from hotline.web.routes import Route
from hotline.wiring.database import Database
from hotline.wiring.ground import Ground
from hotline.wiring.sharing import measure_sharing


def open_forecast(ground: Ground, database: Database) -> tuple[list[Route], ForecastStream]:
    """Start the forecaster and return its routes and what the stream shows of it. What it starts ends with the ground."""
    settings, store = ground.settings, database.store
    slow = _pool(ground, settings.forecast.workers)
    quick = _pool(ground, 1)
    tables = Tables(store)
    doors = Doors(
        reader=Archive(store, settings),
        tables=tables,
        rosters=RosterStore(store),
        slow=slow,
        quick=quick,
        measure=measure_sharing,
        publish=ground.bus.publish,
        tally=ground.tally,
    )
    turn = Turn(Office(database.dsn, holder=ground.process, name=NAME) if ground.broker is not None else None)
    service = ForecastService(settings, ground.clock, doors, turn)
    ground.run(service, ground.bus.subscribe(service.name, *service.kinds), gather_s=GATHER_S)
    ground.stack.callback(service.close)
    ground.tasks.spawn(service.learn(), name="forecast-learn")
    ground.tasks.spawn(service.keep_up(), name="forecast-keep-up")
    return [*routes(service, tables, settings), *whatif_routes(service, settings)], ForecastStream(service)


def _pool(ground: Ground, workers: int) -> Pool:
    pool = Pool(ground.tally, workers=workers, memory_limit_mb=ground.settings.forecast.memory_limit_mb)
    ground.stack.push_async_callback(pool.close)
    return pool
