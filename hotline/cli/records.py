"""`hotline audit`, `hotline journal rebuild`, `hotline crm import|export`: the records, checked, renewed, brought in and out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from hotline.cli.client import read_runtime
from hotline.cli.shell import JsonFlag, Shell, console, one_sentence, print_json, print_table, shell
from hotline.errors import Misuse, Unavailable

if TYPE_CHECKING:
    from hotline.store.pool import Store

crm_app = typer.Typer(help="Customers. Example: hotline crm import customers.csv", no_args_is_help=True)
journal_app = typer.Typer(help="The journal of facts. Example: hotline journal rebuild", no_args_is_help=True)


@asynccontextmanager
async def _store(options: Shell) -> AsyncIterator["Store"]:
    """Open the database: the one of the settings, else the private one of the hotline that runs."""
    from hotline.store.pool import Store

    settings = options.settings()
    dsn = settings.database.dsn
    address = dsn.get_secret_value() if dsn is not None else read_runtime(settings.data_dir)["database"]
    store = await Store.open(address, size=2, command_timeout_s=600)
    try:
        if not await store.healthy():
            raise Unavailable("the database does not answer; with a private one, run `hotline up` first")
        yield store
    finally:
        await store.close()


@one_sentence
def audit(
    ctx: typer.Context,
    since: Annotated[
        str | None, typer.Option(help="Check calls since this time (RFC 3339); default: everything.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check every invariant that can be asked of the data. Exit status 1 if there are findings.

    Example: hotline audit --since 2026-10-01T00:00:00+08:00
    """
    report = shell(ctx).client().get("/api/v1/reports/audit", since=since)
    findings = report["findings"]
    if as_json:
        print_json(report)
    else:
        rows = ((f["kind"], f["call_id"], f["detail"]) for f in findings)
        print_table(("finding", "call", "what"), rows, empty="no findings")
    if findings:
        raise typer.Exit(1)


@journal_app.command("rebuild")
@one_sentence
def rebuild(
    ctx: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only compare; write nothing.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Make all rows anew from the journal and say where they differed from what was there.

    Example: hotline journal rebuild --dry-run
    """
    from crm.rebuild import rebuild as run

    async def work() -> object:
        async with _store(shell(ctx)) as store:
            return msgspec.to_builtins(await run(store, write=not dry_run), str_keys=True)

    report = asyncio.run(work())
    if as_json:
        print_json(report)
        return
    assert isinstance(report, dict)
    for name, value in report.items():
        if not isinstance(value, list):
            console.print(f"{name.replace('_', ' '):<14} {value}", markup=False)
    for difference in report.get("differences", []):
        console.print(f"  differs: {difference}", markup=False, soft_wrap=True)


@crm_app.command("import")
@one_sentence
def import_customers(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="CSV with a header: name, phone, tier, language, notes (or 姓名, 电话 …).")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check; write nothing.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Bring customers in from a CSV file: all of them, or, if any line is wrong, none.

    Example: hotline crm import customers.csv --dry-run
    """
    from crm.customer_data import csv_lines, decode_csv
    from crm.customers import import_customers as run

    country = shell(ctx).settings().crm.country_code
    try:
        lines = csv_lines(decode_csv(file.read_bytes()))
    except FileNotFoundError as exc:
        raise Misuse(f"there is no file {file}") from exc
    except OSError as exc:
        raise Misuse(f"{file} cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise Misuse(f"{file}: {exc}") from exc

    async def work() -> object:
        async with _store(shell(ctx)) as store:
            return msgspec.to_builtins(await run(store, lines, country=country, dry_run=dry_run))

    report = asyncio.run(work())
    assert isinstance(report, dict)
    if as_json:
        print_json(report)
    else:
        for name, value in report.items():
            if not isinstance(value, list):
                console.print(f"{name.replace('_', ' '):<14} {value}", markup=False)
        for problem in report["errors"]:
            console.print(f"  line {problem['line']}: {problem['problem']}", markup=False, style="red", soft_wrap=True)
    if report["errors"]:
        raise typer.Exit(1)


@crm_app.command("export")
@one_sentence
def export_customers(
    ctx: typer.Context,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The file to write; default: standard output.")
    ] = None,
) -> None:
    """Write all customers as CSV, safe to open in a spreadsheet.

    Example: hotline crm export -o customers.csv
    """
    from crm.customers import export_customers as run

    async def work() -> str:
        async with _store(shell(ctx)) as store:
            return await run(store, shell(ctx).settings().crm.country_code)

    text = asyncio.run(work())
    if output is None:
        typer.echo(text, nl=False)
    else:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as exc:
            raise Misuse(f"{output} cannot be written: {exc.strerror}") from exc
        console.print(f"{output}: {text.count(chr(10)) - 1} customers", markup=False)
