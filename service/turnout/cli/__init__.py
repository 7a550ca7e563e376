"""The command line: one file per verb, imported only when it is asked for. Entry points read the environment here
and nowhere else, and errors become exit codes here and nowhere else."""

from turnout.cli.main import main

__all__ = ["main"]
