"""Every command explains itself with an example that really is one of its own."""

import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from hotline.cli.main import app

HEAVY = ("pydantic", "asyncpg", "aiohttp", "structlog", "panoramisk", "prometheus_client")


def commands() -> Iterator[tuple[str, Any]]:
    def below(path: str, command: Any) -> Iterator[tuple[str, Any]]:
        yield path, command
        for name, inner in getattr(command, "commands", {}).items():
            yield from below(f"{path} {name}", inner)

    yield from below("hotline", typer.main.get_command(app))


LEAVES = [(path, command) for path, command in commands() if not getattr(command, "commands", {})]


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[path for path, _ in LEAVES])
def test_every_command_has_an_example_that_its_own_parser_takes(path: str, command: Any) -> None:
    help_text = " ".join((command.help or "").split())
    assert f"Example: {path}" in help_text
    example = help_text.partition(f"Example: {path}")[2].split(". Exit")[0].strip().rstrip(".")
    command.make_context(path, shlex.split(example))


def test_help_loads_no_service_and_no_client_library() -> None:
    code = f"import sys, hotline.cli.main; sys.exit(' '.join(m for m in {HEAVY} if m in sys.modules) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
