"""The API of rosters: keep, show, publish; swaps and requests with the checker's verdict; adherence.

The checker works in a thread: for a thousand people it needs a good part of a second, and calls must not wait for it.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from forecast.rosters.check import violations
from forecast.rosters.cost import account
from forecast.rosters.requests import Change, Verdict, judge
from forecast.rosters.service import RosterService
from forecast.rosters.store import KeptRoster, RosterStore
from forecast.rosters.views import (
    AdherenceView,
    AskedChange,
    ChangeView,
    DayQuery,
    Decision,
    NewRoster,
    PlaceView,
    Publish,
    RequestQuery,
    RequestView,
    RosterHead,
    RosterKept,
    RosterQuery,
    RosterView,
)
from hotline.errors import Misuse, Rejected
from hotline.facts import Record, RosterPublished, ShiftSwapped
from hotline.runtime.clock import Clock
from hotline.store.pool import Row
from hotline.web.routes import Page, Request, Route

PATH = "/api/v1/rosters"
REQUESTS = "/api/v1/roster-requests"
ADHERENCE = "/api/v1/adherence"
LIMIT = 200


def roster_routes(
    rosters: RosterStore, service: RosterService, clock: Clock, publish: Callable[[Record], None]
) -> list[Route]:
    """Return the routes; `publish` tells facts."""
    api = _Api(rosters, service, clock, publish)
    return [
        Route(method="GET", path=PATH, handler=api.listed, summary="Rosters, the newest week first", answer=Page[RosterHead], query=RosterQuery),
        Route(method="POST", path=PATH, handler=api.add, summary="Keep a roster as a draft", answer=RosterKept, body=NewRoster),
        Route(method="GET", path=PATH + "/{id}", handler=api.one, summary="One roster, its plan and what is wrong with it", answer=RosterView),
        Route(method="POST", path=PATH + "/{id}/publish", handler=api.publish, summary="Let a draft count", answer=RosterKept, body=Publish),
        Route(method="POST", path=PATH + "/{id}/swap", handler=api.swap, summary="Change shifts, if the rules allow it", answer=ChangeView, body=AskedChange),
        Route(method="POST", path=PATH + "/{id}/requests", handler=api.ask, summary="Ask for a change; somebody decides later", answer=ChangeView, body=AskedChange),
        Route(method="GET", path=REQUESTS, handler=api.requests, summary="What people ask for, newest first", answer=Page[RequestView], query=RequestQuery),
        Route(method="POST", path=REQUESTS + "/{id}", handler=api.decide, summary="Accept or refuse a request", answer=ChangeView, body=Decision),
        Route(method="GET", path=ADHERENCE, handler=api.adherence, summary="Who should be where, and is", answer=AdherenceView, query=DayQuery),
    ]  # fmt: skip


class _Api:
    """The handlers."""

    def __init__(
        self, rosters: RosterStore, service: RosterService, clock: Clock, publish: Callable[[Record], None]
    ) -> None:
        self._rosters, self._service, self._clock, self._tell = rosters, service, clock, publish

    async def listed(self, request: Request) -> Page[RosterHead]:
        q: RosterQuery = request.query
        return Page(items=[_head(row) for row in await self._rosters.page(q.since, q.until, LIMIT)])

    async def one(self, request: Request) -> RosterView:
        kept = await self._rosters.get(request.path["id"])
        worth = await asyncio.to_thread(account, kept.plan, kept.duties)
        return RosterView(
            **msgspec.structs.asdict(_head(kept.head)),
            plan=kept.plan,
            duties=kept.duties,
            violations=[v.text for v in await asyncio.to_thread(violations, kept.plan, kept.duties)],
            covered=worth.covered,
            short_hours=worth.short_hours,
        )

    async def add(self, request: Request) -> RosterKept:
        wanted: NewRoster = request.body
        broken = await asyncio.to_thread(violations, wanted.plan, wanted.duties)
        senseless = [v.text for v in broken if v.rule in ("unknown", "twice")]
        if senseless:
            raise Misuse("; ".join(senseless[:5]))
        roster_id = await self._rosters.add(wanted.plan, wanted.duties, by=request.by or "api", note=wanted.note)
        return RosterKept(roster_id=roster_id, version=1, violations=[v.text for v in broken])

    async def publish(self, request: Request) -> RosterKept:
        kept = await self._rosters.get(request.path["id"])
        broken = [v.text for v in await asyncio.to_thread(violations, kept.plan, kept.duties)]
        wanted: Publish = request.body
        if broken and not wanted.despite:
            raise Rejected("broken_rules", f"{len(broken)} rules are broken: {'; '.join(broken[:5])}")
        by = request.by or "api"
        version = await self._rosters.publish(kept.roster_id, by=by)
        self._tell(
            RosterPublished(
                at=self._clock.now(), roster_id=kept.roster_id, edition=version, first=str(kept.plan.first), days=kept.plan.days,
                people=len({d.person for d in kept.duties}), shifts=len(kept.duties), by=by,
            )
        )  # fmt: skip
        return RosterKept(roster_id=kept.roster_id, version=version, violations=broken)

    async def swap(self, request: Request) -> ChangeView:
        kept = await self._rosters.get(request.path["id"])
        asked: AskedChange = request.body
        await self._rosters.check_counts(kept.roster_id, asked.change().days)
        verdict = await asyncio.to_thread(judge, kept.plan, kept.duties, asked.change())
        version = kept.version
        if verdict.allowed and not asked.dry_run:
            by = request.by or "api"
            version = await self._rosters.change(kept, verdict.duties, by=by)
            self._swapped(kept, asked.change(), version, by)
        return _changed(verdict, version)

    async def ask(self, request: Request) -> ChangeView:
        kept = await self._rosters.get(request.path["id"])
        asked: AskedChange = request.body
        await self._rosters.check_counts(kept.roster_id, asked.change().days)
        verdict = await asyncio.to_thread(judge, kept.plan, kept.duties, asked.change())
        request_id = ""
        if not asked.dry_run:
            by = request.by or "api"
            request_id = await self._rosters.ask(kept.roster_id, asked.change(), verdict.reasons, by=by)
        return _changed(verdict, kept.version, request_id)

    async def requests(self, request: Request) -> Page[RequestView]:
        q: RequestQuery = request.query
        rows = await self._rosters.requests(q.roster, q.status, LIMIT)
        return Page(items=[msgspec.convert(dict(row), RequestView) for row in rows])

    async def decide(self, request: Request) -> ChangeView:
        asked = await self._rosters.request(request.path["id"])
        kept = await self._rosters.get(asked["roster_id"])
        decision: Decision = request.body
        by = request.by or "api"
        change = Change(
            kind=asked["kind"], person=asked["person_id"], day=asked["day"], other=asked["other_id"], other_day=asked["other_day"],
            shift=asked["shift"],
        )  # fmt: skip
        if not decision.accept:
            await self._rosters.refuse(asked["request_id"], [decision.reason] if decision.reason else [], by=by)
            return ChangeView(
                allowed=False,
                reasons=(decision.reason,),
                short_hours=0.0,
                version=kept.version,
                request_id=asked["request_id"],
            )
        await self._rosters.check_counts(kept.roster_id, change.days)
        verdict = await asyncio.to_thread(judge, kept.plan, kept.duties, change)
        if not verdict.allowed:
            return _changed(verdict, kept.version, asked["request_id"])
        version = await self._rosters.accept(asked["request_id"], kept, verdict.duties, by=by)
        self._swapped(kept, change, version, by)
        return _changed(verdict, version, asked["request_id"])

    async def adherence(self, request: Request) -> AdherenceView:
        q: DayQuery = request.query
        now = self._clock.now()
        today = self._service.today(now)
        day = q.day or today
        sums = self._service.sums(day, now)
        places = {place.person: place for place in self._service.places(now)} if day == today else {}
        people = []
        for person in sorted({*sums, *places}):
            place, kept = places.get(person), sums.get(person)
            people.append(
                PlaceView(
                    person=person,
                    scheduled=place.scheduled if place else "off",
                    actual=place.actual if place else "off",
                    state=place.state if place else None,
                    since=place.since if place else None,
                    until=place.until if place else None,
                    adheres=place.adheres if place else None,
                    scheduled_min=kept.scheduled_s / 60 if kept else 0.0,
                    kept_min=kept.kept_s / 60 if kept else 0.0,
                    adherence=kept.ratio if kept else None,
                )
            )
        scheduled, good = sum(p.scheduled_min for p in people), sum(p.kept_min for p in people)
        return AdherenceView(
            day=day,
            scheduled_min=scheduled,
            kept_min=good,
            adherence=good / scheduled if scheduled else None,
            people=people,
        )

    def _swapped(self, kept: KeptRoster, change: Change, version: int, by: str) -> None:
        self._tell(
            ShiftSwapped(
                at=self._clock.now(), roster_id=kept.roster_id, edition=version, kind=change.kind, person=change.person, day=str(change.day),
                other=change.other, other_day=str(change.other_day or ""), shift=change.shift, by=by,
            )
        )  # fmt: skip


def _head(row: Row) -> RosterHead:
    fields: dict[str, Any] = {name: row[name] for name in RosterHead.__struct_fields__}
    return msgspec.convert(fields, RosterHead)


def _changed(verdict: Verdict, version: int, request_id: str = "") -> ChangeView:
    return ChangeView(
        allowed=verdict.allowed,
        reasons=verdict.reasons,
        short_hours=verdict.short_hours,
        version=version,
        request_id=request_id,
    )
