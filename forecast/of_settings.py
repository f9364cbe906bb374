"""What the settings say to a forecast: the calendar of a queue, its opening hours, its zone. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from forecast.days.calendar import Calendar, Event
from forecast.days.holidays import calendar_for
from hotline import hours
from hotline.errors import Misuse
from hotline.hours import DAYS, Hours
from hotline.settings import Settings
from hotline.settings.forecasting import Forecasting
from hotline.settings.queues import Queue


def hours_of(settings: Settings, queue: Queue) -> Hours:
    """Return when the queue is open."""
    if queue.opening is None:
        return hours.always(settings.ivr.timezone)
    return hours.of_settings(settings.hours[queue.opening])


def zone_of(settings: Settings, queue: Queue) -> str:
    """Return the zone in which the queue's days are counted."""
    return hours_of(settings, queue).timezone


def queue_of(settings: Settings, queue_id: str) -> Queue:
    """Return a queue of the settings. Raises Misuse."""
    for queue in settings.queues:
        if queue.id == queue_id:
            return queue
    raise Misuse(f"there is no queue {queue_id[:40]!r}; there are {', '.join(q.id for q in settings.queues)}")


def calendar_of(said: Forecasting, opening: Hours, years: Iterable[int]) -> Calendar:
    """Return the calendar of a queue with these hours for these years. Raises Misuse for a country or region that is not known."""
    events = [Event(name=e.name, first=e.first, last=e.last or e.first, excluded=e.excluded) for e in said.events]
    found = calendar_for(said.country, said.region, years=years, events=events, closed=opening.closed_dates)
    if said.weekend is None:
        return found
    return replace(found, weekend=frozenset(DAYS.index(day) for day in said.weekend))


def weekdays_of(settings: Settings, queue: Queue) -> frozenset[int] | None:
    """Return the open days of the week, Monday is 0; None: the settings do not say, and the history has to."""
    if queue.opening is None:
        return None
    weekly = hours_of(settings, queue).weekly
    return frozenset(number for number, day in enumerate(DAYS) if weekly.get(day))
