"""Rosters of a process: the service of adherence and the routes."""

from zoneinfo import ZoneInfo

from forecast.rosters.api import roster_routes
from forecast.rosters.service import RosterService
from forecast.rosters.store import RosterStore
from hotline.runtime.service import GATHER_S
from hotline.web.routes import Route
from hotline.wiring.database import Database
from hotline.wiring.ground import Ground


def open_rosters(ground: Ground, database: Database) -> list[Route]:
    """Start the service and return its routes. What it starts ends with the ground."""
    rosters = RosterStore(database.store)
    service = RosterService(rosters, ground.tally, ZoneInfo(ground.settings.ivr.timezone), ground.clock.now())
    ground.run(service, ground.bus.subscribe(service.name, *service.kinds), gather_s=GATHER_S)
    return roster_routes(rosters, service, ground.clock, ground.bus.publish)
