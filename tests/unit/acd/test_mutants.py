"""The faults that `make mutants` plants: each is a change of behaviour, and nothing else is changed."""

import ast
from types import FunctionType

import pytest

from tests.mutants.making import Mutant, code_of, mutants_of

SOURCE = '''
"""Text."""
LIMIT = 3


class Shop:
    """Text."""

    def enough(self, here: int = 0) -> bool:
        """Text."""
        self.asked = True
        """Text of an attribute."""
        if here >= LIMIT and not self.closed:
            self.note(here + 1)
            return True
        assert here > 0
        return False
'''


def planted() -> dict[str, Mutant]:
    return {mutant.what: mutant for mutant in mutants_of(SOURCE, "shop.py")}


def test_every_kind_of_fault_is_found_once_and_texts_and_assertions_are_spared() -> None:
    assert sorted(planted()) == [
        "2 for 1",
        "False for True",
        "Gt for GtE",
        "None is returned",
        "Sub for Add",
        "True for False",
        "not is dropped",
        "or for and",
        "the assignment is left out",
        "the call is left out",
        "the condition always holds",
        "the condition never holds",
    ]


def shop(what: str = "") -> object:
    """Return a shop, with a fault."""
    names: dict[str, object] = {}
    exec(compile(ast.parse(SOURCE), "shop.py", "exec"), names)
    kind = names["Shop"]
    enough = kind.enough  # type: ignore[attr-defined]
    assert isinstance(enough, FunctionType)
    if what:
        code = code_of(planted()[what], SOURCE, "shop.py")
        assert code is not None
        assert (code.co_name, code.co_firstlineno) == (enough.__code__.co_name, enough.__code__.co_firstlineno)
        enough.__code__ = code
    made = kind()  # type: ignore[operator]
    made.closed, made.notes = False, []
    made.note = made.notes.append
    return made


@pytest.mark.parametrize(
    ("what", "here", "result", "notes"),
    [
        ("", 3, True, [4]),
        ("Gt for GtE", 3, False, []),
        ("Sub for Add", 3, True, [2]),
        ("2 for 1", 3, True, [5]),
        ("the call is left out", 3, True, []),
        ("None is returned", 3, None, [4]),
        ("not is dropped", 3, False, []),
        ("the condition always holds", 1, True, [2]),
        ("the condition never holds", 3, False, []),
        ("or for and", 1, True, [2]),
    ],
)
def test_a_fault_changes_what_it_says(what: str, here: int, result: object, notes: list[int]) -> None:
    made = shop(what)
    assert made.enough(here) is result  # type: ignore[attr-defined]
    assert made.notes == notes  # type: ignore[attr-defined]


def test_an_assignment_that_is_left_out_changes_nothing() -> None:
    made = shop("the assignment is left out")
    made.enough(3)  # type: ignore[attr-defined]
    assert not hasattr(made, "asked")
