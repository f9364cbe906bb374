"""The API of call flows: which there are and what they do. Reading only; flows are changed in their files."""

from collections.abc import Mapping
from typing import Any

import msgspec

from hotline.errors import Rejected
from hotline.web.routes import Page, Request, Route
from ivr.flow.explain import kind
from ivr.flow.library import Library
from ivr.flow.model import Flow, exits


class FlowSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One call flow."""

    id: str
    version: str
    numbers: list[str]
    """Dialled numbers that it answers."""
    languages: list[str]
    language: str
    start: str


class StepDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One step."""

    name: str
    kind: str
    exits: dict[str, str]
    """Way out -> next step."""


class FlowDetail(FlowSummary, frozen=True, kw_only=True):
    """One call flow with its steps."""

    steps: list[StepDetail]


def ivr_routes(library: Library) -> list[Route]:
    """Return the routes of the IVR."""

    async def listed(_request: Request) -> Page[FlowSummary]:
        return Page(items=[FlowSummary(**_summary(flow, library.by_number)) for flow in library.flows])

    async def one(request: Request) -> FlowDetail:
        flow = next((flow for flow in library.flows if flow.name == request.path["id"]), None)
        if flow is None:
            raise Rejected("not_found", "there is no such flow in use")
        steps = [
            StepDetail(name=name, kind=kind(step), exits={way.label: way.target for way in exits(step)})
            for name, step in flow.steps.items()
        ]
        return FlowDetail(**_summary(flow, library.by_number), steps=steps)

    return [
        Route(
            method="GET", path="/api/v1/flows", handler=listed, summary="Call flows in use", answer=Page[FlowSummary]
        ),
        Route(method="GET", path="/api/v1/flows/{id}", handler=one, summary="One call flow", answer=FlowDetail),
    ]


def _summary(flow: Flow, by_number: Mapping[str, Flow]) -> dict[str, Any]:
    return {
        "id": flow.name,
        "version": flow.version,
        "numbers": [number for number, found in by_number.items() if found.name == flow.name],
        "languages": list(flow.languages),
        "language": flow.language,
        "start": flow.start,
    }
