"""Faults that a program can make in the code of a function: one small change each. Pure.

What is changed: comparisons, `and` and `or`, `not`, conditions (always, never), numbers, strings that are no text for people, arithmetic, what is
returned, and statements that are left out. What is not: annotations, docstrings, assertions (they state what cannot happen), and what stands
outside of functions.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from types import CodeType

OTHER_WAY: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OTHER_SUM: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr, ast.Mod: ast.Mult,
}  # fmt: skip
OTHER_CALL = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One fault."""

    file: str
    number: int
    """Among the faults of its file."""
    function: str
    line: int
    first_line: int
    """Of the function, decorators included: with the file it names the function's code object."""
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}: {self.what}"


def mutants_of(source: str, file: str) -> list[Mutant]:
    """Return every fault of a file."""
    return [
        Mutant(
            file=file,
            number=number,
            function=name,
            line=change.line,
            first_line=_first_line(function),
            what=change.what,
        )
        for number, (function, name, change) in enumerate(_all(ast.parse(source)))
    ]


def code_of(mutant: Mutant, source: str, filename: str) -> CodeType | None:
    """Return the changed function's code; None where the change makes none. `filename` as Python knows the module."""
    tree = ast.parse(source)
    function, _, change = next(islice(_all(tree), mutant.number, None))
    change.place.__dict__.update(change.fields)
    try:
        module = compile(ast.fix_missing_locations(tree), filename, "exec")
    except (SyntaxError, ValueError, TypeError):
        return None
    code = _code_at(module, function.name, mutant.first_line)
    return code if code is not None and not code.co_freevars else None


_Function = ast.FunctionDef | ast.AsyncFunctionDef


def _all(tree: ast.Module) -> "Iterator[tuple[_Function, str, _Change]]":
    return ((function, name, change) for function, name in _functions(tree, "") for change in _changes(function))


def _first_line(function: _Function) -> int:
    return min([function.lineno, *(d.lineno for d in function.decorator_list)])


def _functions(node: ast.AST, inside: str) -> Iterator[tuple[_Function, str]]:
    """Yield the functions of a module and the methods of its classes; those within functions belong to them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child, f"{inside}{child.name}"
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{inside}{child.name}.")


def _code_at(code: CodeType, name: str, first_line: int) -> CodeType | None:
    for const in code.co_consts:
        if isinstance(const, CodeType):
            if const.co_name == name and const.co_firstlineno == first_line:
                return const
            found = _code_at(const, name, first_line)
            if found is not None:
                return found
    return None


@dataclass(frozen=True, kw_only=True)
class _Change:
    place: ast.AST
    fields: dict[str, object]
    """What becomes of the node's fields."""
    line: int
    what: str


def _changes(function: _Function) -> Iterator[_Change]:
    body = function.body
    if (
        isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    ):
        body = body[1:]
    for statement in body:
        yield from _in(statement)


def _in(node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.Assert | ast.Raise | ast.JoinedStr | ast.MatchValue | ast.MatchSingleton):
        return  # no other behaviour to be asked for, or text for people
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # the docstring of an attribute
    yield from _of(node)
    for name, child in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_comment", "decorator_list"):
            continue
        for part in child if isinstance(child, list) else [child]:
            if isinstance(part, ast.AST):
                yield from _in(part)


def _of(node: ast.AST) -> Iterator[_Change]:  # noqa: C901 - one case for each kind of node
    line = getattr(node, "lineno", 0)

    def change(what: str, **fields: object) -> _Change:
        return _Change(place=node, fields=fields, line=line, what=what)

    match node:
        case ast.Compare(ops=[op, *others]) if type(op) in OTHER_WAY:
            yield change(f"{_name(OTHER_WAY[type(op)]())} for {_name(op)}", ops=[OTHER_WAY[type(op)](), *others])
        case ast.BoolOp(op=ast.And()):
            yield change("or for and", op=ast.Or())
        case ast.BoolOp(op=ast.Or()):
            yield change("and for or", op=ast.And())
        case ast.UnaryOp(op=ast.Not()):
            yield change("not is dropped", op=ast.UAdd(), operand=_truth(node.operand))
        case ast.UnaryOp(op=ast.USub()):
            yield change("plus for minus", op=ast.UAdd())
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in OTHER_SUM:
            yield change(f"{_name(OTHER_SUM[type(op)]())} for {_name(op)}", op=OTHER_SUM[type(op)]())
        case ast.Call(func=ast.Name(id=name)) if name in OTHER_CALL:
            yield change(f"{OTHER_CALL[name]} for {name}", func=ast.Name(id=OTHER_CALL[name], ctx=ast.Load()))
        case ast.Constant(value=bool(value)):
            yield change(f"{not value} for {value}", value=not value)
        case ast.Constant(value=int(value) | float(value)):
            yield change(f"{value + 1} for {value}", value=value + 1)
        case ast.Constant(value=str(value)) if value:
            yield change(f"another word for {value!r}", value=f"not {value}")
        case ast.If() | ast.IfExp() | ast.While():
            if not isinstance(node, ast.While):
                yield change("the condition always holds", test=ast.Constant(value=True))
            yield change("the condition never holds", test=ast.Constant(value=False))
        case ast.Return(value=ast.expr() as value) if not _is_false(value):
            yield change("None is returned", value=ast.Constant(value=None))
        case ast.Expr(value=ast.Call()):
            yield change("the call is left out", value=ast.Constant(value=None))
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]):
            nowhere = ast.Name(id="_nowhere", ctx=ast.Store())
            yield change("the assignment is left out", targets=[nowhere])
        case _:
            return


def _truth(operand: ast.expr) -> ast.expr:
    return ast.Call(func=ast.Name(id="bool", ctx=ast.Load()), args=[operand], keywords=[])


def _is_false(value: ast.expr) -> bool:
    """Return whether a value is as good as None for whoever asks for its truth."""
    return isinstance(value, ast.Constant) and not value.value


def _name(op: ast.AST) -> str:
    return type(op).__name__
