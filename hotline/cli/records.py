"""`hotline audit`, `hotline journal rebuild|archive|restore`, `hotline crm import|export`: the records, checked, renewed, moved."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from hotline.cli.client import read_runtime
from hotline.cli.shell import JsonFlag, Shell, console, errors, one_sentence, print_json, print_table, shell
from hotline.errors import Misuse, OutcomeUnknown, Unavailable

if TYPE_CHECKING:
    from crm.archive.archiving import Tell
    from hotline.store.pool import Store

ANSWER_S = 5.0
"""A database that does not answer for so long is not there."""

crm_app = typer.Typer(help="Customers. Example: hotline crm import customers.csv", no_args_is_help=True)
journal_app = typer.Typer(help="The journal of facts. Example: hotline journal rebuild", no_args_is_help=True)


def _address(options: Shell) -> str:
    """Return the DSN: the one of the settings, else that of the hotline that runs."""
    settings = options.settings()
    dsn = settings.database.dsn
    if dsn is not None:
        return dsn.get_secret_value()
    return str(read_runtime(settings.data_dir)["database"])


@asynccontextmanager
async def open_store(options: Shell) -> AsyncIterator["Store"]:
    """Open the database. Raises Misuse or Unavailable with what it says when it does not let us in."""
    from hotline.runtime import logs
    from hotline.store.migrate import require_current
    from hotline.store.pool import Store

    logs.configure(json=False, level="warning")
    store = await Store.open(_address(options), size=2, command_timeout_s=600)
    try:
        try:
            async with asyncio.timeout(ANSWER_S):
                await store.fetchval("SELECT true")
        except TimeoutError as exc:
            raise Unavailable(
                f"database: no answer within {ANSWER_S:.0f} s; is it running, and is its address right?"
            ) from exc
        except (Unavailable, OutcomeUnknown) as exc:
            raise Unavailable(f"{exc}; is it running? (a private one needs `hotline up`)") from exc
        await require_current(store)
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
    from crm.rebuild.rebuilding import rebuild as run

    async def work() -> object:
        async with open_store(shell(ctx)) as store:
            return msgspec.to_builtins(await run(store, write=not dry_run, dsn=_address(shell(ctx))), str_keys=True)

    report = asyncio.run(work())
    if as_json:
        print_json(report)
        return
    assert isinstance(report, dict)
    _show_numbers(report)
    for difference in report.get("differences", []):
        console.print(f"  differs: {difference}", markup=False, soft_wrap=True)


def _show_numbers(report: dict[str, object]) -> None:
    for name, value in report.items():
        if not isinstance(value, list):
            console.print(f"{name.replace('_', ' '):<14} {value}", markup=False, soft_wrap=True)


@journal_app.command("archive")
@one_sentence
def archive(
    ctx: typer.Context,
    before: Annotated[str, typer.Option(help="Archive every whole month before this one, such as 2026-01.")],
    to: Annotated[
        Path | None, typer.Option(help="Where the files go; default: `archive` in the data directory.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Carry old months of the journal into compressed CSV files, and out of the database. Rows of calls stay.

    Example: hotline journal archive --before 2026-01 --to /srv/archive --dry-run
    """
    from crm.archive.archiving import archive as run
    from hotline.runtime.clock import SteadyClock

    directory = to if to is not None else shell(ctx).settings().data_dir / "archive"

    async def work(tell: "Tell") -> list[dict[str, Any]]:
        async with open_store(shell(ctx)) as store:
            months = await run(store, before, directory, now=SteadyClock().now(), dry_run=dry_run, tell=tell)
            return [msgspec.to_builtins(month) for month in months]

    with _progress() as tell:
        months = asyncio.run(work(tell))
    if as_json:
        print_json(months)
    else:
        rows = ((m["month"], m["facts"], m["stay"], m["bytes"], m["file"]) for m in months)
        print_table(("month", "facts", "calls that stay", "bytes", "file"), rows, empty="no month to archive")
        if months and dry_run:
            console.print("nothing was changed; bytes are those in the database", markup=False)


@journal_app.command("restore")
@one_sentence
def restore(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that `hotline journal archive` wrote; its manifest beside it.")],
    as_json: JsonFlag = False,
) -> None:
    """Bring an archived month back into the journal.

    Example: hotline journal restore /srv/archive/journal-2025-12.csv.gz
    """
    from crm.archive.restore import restore as run

    async def work() -> dict[str, object]:
        async with open_store(shell(ctx)) as store:
            report: dict[str, object] = msgspec.to_builtins(await run(store, file))
            return report

    report = asyncio.run(work())
    if as_json:
        print_json(report)
    else:
        _show_numbers(report)


@contextmanager
def _progress() -> Iterator["Tell"]:
    """Show on standard error how far it is: a bar on a terminal, nothing elsewhere."""
    from rich.progress import Progress

    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        bar = progress.add_task("reading", total=None)
        yield lambda what, done, total: progress.update(bar, description=what, completed=done, total=max(total, 1))


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
    from crm.customers.data import csv_lines, decode_csv
    from crm.customers.store import import_customers as run

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
        async with open_store(shell(ctx)) as store:
            return msgspec.to_builtins(await run(store, lines, country=country, dry_run=dry_run))

    report = asyncio.run(work())
    assert isinstance(report, dict)
    if as_json:
        print_json(report)
    else:
        _show_numbers(report)
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
    from crm.customers.store import export_customers as run

    async def work() -> str:
        async with open_store(shell(ctx)) as store:
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
