"""`python -m hotline` is the command line."""

from hotline.cli.main import run

run()
