"""The OpenAPI 3.1 document of a set of routes, from their msgspec types. Pure."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from hotline import __version__
from hotline.web.routes import Empty, FileAnswer, Route, TextAnswer
from hotline.web.upstreams import SPREAD, Components, Document, Info

_REFERENCES = "#/components/schemas/{name}"
_ERRORS = {
    "400": "The request is malformed; `detail` says where.",
    "401": "No or wrong credentials.",
    "404": "There is nothing under this id.",
    "422": "Understood and refused; `detail` says why.",
    "503": "A part of the house is away; try again later.",
}


def describe(routes: Sequence[Route], process: str = "hotline") -> Document:
    """Return the document of what a process serves."""
    types = [t for r in routes for t in (r.answer, r.body, r.query) if _has_schema(t)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCES)
    schema_of = dict(zip([id(t) for t in types], schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of, components)
    return Document(
        openapi="3.1.0",
        info=Info(title="hotline", version=__version__, license={"name": "Apache-2.0"}, process=process),
        paths=paths,
        components=Components(
            schemas=components,
            security_schemes={
                "token": {"type": "http", "scheme": "bearer"},
                "administrator": {"type": "http", "scheme": "basic"},
            },
        ),
        security=[{"token": []}, {"administrator": []}],
    )


def _has_schema(kind: Any) -> bool:
    return kind is not None and kind not in (Empty, FileAnswer, TextAnswer)


def _operation(route: Route, schema_of: dict[int, Any], components: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": _operation_id(route),
        "parameters": _parameters(route, schema_of, components),
        "responses": {"200": _success(route, schema_of)} | {code: _error(text) for code, text in _ERRORS.items()},
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema_of[id(route.body)]}},
        }
    if route.public:
        operation["security"] = []
    if route.spread:
        operation[SPREAD] = True
    return operation


def _operation_id(route: Route) -> str:
    words = re.findall(r"[A-Za-z0-9]+", route.path.removeprefix("/api/v1"))
    return "_".join([route.method.lower(), *words])


def _parameters(route: Route, schema_of: dict[int, Any], components: dict[str, Any]) -> list[dict[str, Any]]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    if route.query is Empty:
        return found
    name = schema_of[id(route.query)]["$ref"].rsplit("/", 1)[1]
    properties = components[name]["properties"]
    return found + [{"name": n, "in": "query", "required": False, "schema": s} for n, s in properties.items()]


def _success(route: Route, schema_of: dict[int, Any]) -> dict[str, Any]:
    if route.answer is FileAnswer:
        content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    elif route.answer is TextAnswer:
        content = {"text/plain": {"schema": {"type": "string"}}}
    elif route.answer is None:
        return {"description": "Done."}
    else:
        content = {"application/json": {"schema": schema_of[id(route.answer)]}}
    return {"description": "Done.", "content": content}


def _error(text: str) -> dict[str, Any]:
    problem = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}},
    }
    return {"description": text, "content": {"application/problem+json": {"schema": problem}}}
