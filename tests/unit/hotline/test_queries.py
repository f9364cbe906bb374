"""SQL files: each query has a name, a description and SQL."""

import pytest

from hotline.errors import Misuse
from hotline.store.queries import load, parse

GOOD = """-- Calls.

-- name: one
-- The call $1.
SELECT * FROM call -- a remark
WHERE id = $1;

-- name: two
-- Two things
-- at once.
UPDATE call SET x = 1;
SELECT 2
"""


def test_queries_are_read_by_name() -> None:
    queries = parse("calls.sql", GOOD)
    assert queries.names == ("one", "two")
    assert queries.one == "SELECT * FROM call -- a remark\nWHERE id = $1"
    assert queries.two == "UPDATE call SET x = 1;\nSELECT 2"
    assert queries.descriptions == {"one": "The call $1.", "two": "Two things at once."}


def test_an_unknown_name_is_told_with_its_file() -> None:
    with pytest.raises(AttributeError, match=r"calls\.sql has no query 'three'"):
        _ = parse("calls.sql", GOOD).three


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-- name: a\nSELECT 1", "no line that says"),
        ("-- name: a\n-- A.\n", "no SQL"),
        ("-- name: a\n-- A.\nSELECT 1\n-- name: a\n-- A.\nSELECT 2", "stands twice"),
        ("-- name: A b\n-- A.\nSELECT 1", "no line|not a name|before the first"),
        ("-- name:\n-- A.\nSELECT 1", "not a name"),
        ("-- name: a-b\n-- A.\nSELECT 1", "not a name"),
        ("SELECT 1", "before the first"),
    ],
)
def test_mistakes_in_a_file_are_refused(text: str, message: str) -> None:
    with pytest.raises(Misuse, match=message):
        parse("x.sql", text)


def test_a_missing_file_is_misuse() -> None:
    for package in ("hotline.store", "no_such_package"):
        with pytest.raises(Misuse, match="no file"):
            load(package, "none.sql")


def test_our_own_file_is_found() -> None:
    assert "schema_migration" in load("hotline.store", "migrate.sql").create_table
