"""The `mocap` command line."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from types import FrameType

from ..errors import EngineError, RigError
from .arguments import build_parser

INTERRUPTED = 130
"""Exit code after Ctrl-C or a polite kill, as shells use it."""


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(argv: Sequence[str] | None = None) -> int:
    """Run one `mocap` command and return its exit code; the only place where errors become messages."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    # Whoever started us (the Blender add-on, a batch) ends us with SIGTERM; leave as Ctrl-C does.
    signal.signal(signal.SIGTERM, _interrupt)
    from . import commands
    from .reporters import make_reporter

    reporter = make_reporter(getattr(arguments, "progress", "auto"), getattr(arguments, "progress_poses", False))
    try:
        return int(commands.COMMANDS[arguments.command](arguments, reporter))
    except KeyboardInterrupt:
        reporter.failed(
            "interrupted; the job keeps what was finished, the same command goes on from there", INTERRUPTED
        )
        return INTERRUPTED
    except EngineError as error:
        reporter.failed(str(error), error.exit_code)
        return error.exit_code
    except RigError as error:
        reporter.failed(str(error), EngineError.exit_code)
        return EngineError.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return EngineError.exit_code
    except MemoryError:
        reporter.failed("the machine has too little free memory for this video; close programs or trim the range", 1)
        return EngineError.exit_code
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        reporter.failed(f"{where}{error.strerror or error}; what was finished before is kept in the job folder", 5)
        return 5
