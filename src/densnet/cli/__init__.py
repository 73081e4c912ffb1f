"""The command ``densnet``: the stages of the workflow that make sense on files of one's own, and a few tools.

Free atoms, auxiliary bases, the selection of frames and the evaluation of a study are the workflow's alone.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

import densnet
from densnet.cli import model, reference, spectra, studies, training
from densnet.cli.options import keep_inputs
from densnet.errors import DensnetError

log = logging.getLogger("densnet")

FAILED = 2
"""Exit status after an error of the user's input."""
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; errors a user can act on become one line."""
    parser = build_parser()
    given = parser.parse_args(arguments)
    level = logging.WARNING if given.quiet else logging.INFO
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr, force=True)
    try:
        keep_inputs(given)
        given.run(given)
    except DensnetError as error:
        return _fail(str(error))
    except OSError as error:
        if error.filename is None:
            raise
        return _fail(f"{error.filename}: {error.strerror}")
    except KeyboardInterrupt:
        log.warning("interrupted; the same command resumes where a checkpoint was made")
        return INTERRUPTED
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"densnet: {message}\n")
    return FAILED


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every subcommand."""
    parser = argparse.ArgumentParser(prog="densnet", description=densnet.__doc__)
    parser.add_argument("--version", action="version", version=f"densnet {densnet.__version__}")
    parser.add_argument("-q", "--quiet", action="store_true", help="warnings and errors only")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for room in (studies, reference, training, model, spectra):
        room.add(commands)
    return parser
