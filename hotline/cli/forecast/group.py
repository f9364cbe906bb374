"""`hotline forecast …`: the group. Its commands stand in modules of their own and are put in by `hotline.cli.main`."""

import typer

from hotline.cli.shell import one_processor

app = typer.Typer(
    help="How many will call: forecasts, what models are worth, history. Example: hotline forecast show",
    no_args_is_help=True,
)


@app.callback()
def forecast() -> None:
    """How many will call: forecasts, what models are worth, history. Example: hotline forecast show"""  # noqa: D415  # as the help above
    one_processor()
