"""`hotline forecast …`: the group. Its commands stand in modules of their own and are put in by `hotline.cli.main`."""

import os

import typer

app = typer.Typer(
    help="How many will call: forecasts, what models are worth, history. Example: hotline forecast show",
    no_args_is_help=True,
)


@app.callback()
def one_thread() -> None:
    """How many will call: forecasts, what models are worth, history. Example: hotline forecast show"""  # noqa: D415  # as the help above
    # Fits are many and small: with several threads each they wait for one another. The libraries read this when a command loads them.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
