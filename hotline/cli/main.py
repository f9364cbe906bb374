"""`hotline …`: every command, each with an example in its help."""

from pathlib import Path
from typing import Annotated

import typer

from hotline import __version__
from hotline.cli import (
    agents,
    board,
    bus,
    callbacks,
    callers,
    calls,
    demo,
    doctor,
    flow,
    records,
    replay,
    settings,
    simulate,
    supervise,
    transfers,
    up,
)
from hotline.cli import run as run_some
from hotline.cli.forecast import backtest as forecast_backtest
from hotline.cli.forecast import calendar as forecast_calendar
from hotline.cli.forecast import group as forecast
from hotline.cli.forecast import series as forecast_series
from hotline.cli.forecast import show as forecast_show
from hotline.cli.roster import files_alone, served
from hotline.cli.shell import DATA_DIR_HELP, Shell
from hotline.cli.staff import command as staff

app = typer.Typer(
    name="hotline",
    help="A call-centre backend on Asterisk. Start with `hotline up`, then dial 4000.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hotline {__version__}")
        raise typer.Exit


@app.callback()
def main(
    ctx: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", help="Settings file; default: hotline.toml here, if there is one.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", help=DATA_DIR_HELP)] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Read what stands before the command."""
    ctx.obj = Shell(config, data_dir)


app.command("up")(up.up)
app.command("run")(run_some.run)
app.command("down")(up.down)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("audit")(records.audit)
app.add_typer(calls.app, name="calls")
app.command("recording")(calls.recording)
agents.agent_app.add_typer(transfers.app)
app.add_typer(agents.agent_app, name="agent")
app.add_typer(agents.queue_app, name="queue")
app.add_typer(callers.voicemail_app, name="voicemail")
app.add_typer(supervise.app, name="supervise")
app.command("board")(board.board)
app.add_typer(callbacks.app, name="callback")
app.add_typer(flow.app, name="flow")
app.add_typer(records.crm_app, name="crm")
records.journal_app.command("replay")(replay.replay)
app.add_typer(records.journal_app, name="journal")
app.add_typer(bus.app, name="bus")
app.add_typer(settings.app, name="settings")
app.command("simulate")(simulate.simulate)
# The commands of `forecast` stand in modules of their own: forecast.app.command("NAME")(module.function), each above the next line.
forecast.app.command("backtest")(forecast_backtest.backtest)
forecast.app.command("calendar")(forecast_calendar.calendar)
forecast.app.command("effects")(forecast_calendar.effects)
forecast.app.command("import")(forecast_series.import_history)
forecast.app.command("export")(forecast_series.export_series)
forecast.app.command("history")(forecast_series.history)
forecast.app.command("forget")(forecast_series.forget)
forecast.app.command("show")(forecast_show.show)
forecast.app.command("run")(forecast_show.run)
app.add_typer(forecast.app, name="forecast")
app.command("staff")(staff.staff)
assert served.app is files_alone.app  # two modules, one group
app.add_typer(served.app, name="roster")


def run() -> None:
    """Start the command line (the console script)."""
    app()


if __name__ == "__main__":
    run()
