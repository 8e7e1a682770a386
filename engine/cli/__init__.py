"""The `mocap` command line."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence

from ..errors import EngineError, OutputError, RigError
from .arguments import build_parser
from .interruption import EXIT_CODE as INTERRUPTED
from .interruption import interruptible


def main(argv: Sequence[str] | None = None) -> int:
    """Run one `mocap` command and return its exit code; the only place where errors become messages."""
    arguments = build_parser().parse_args(argv)
    from .reporters import make_reporter

    reporter = make_reporter(getattr(arguments, "progress", "auto"), getattr(arguments, "progress_poses", False))
    try:
        with interruptible():
            from . import commands

            return int(commands.COMMANDS[arguments.command](arguments, reporter))
    except BrokenPipeError:
        # Nobody listens any more: neither to this nor to what the interpreter would say about it on its way out.
        sys.stderr.close()
        return EngineError.exit_code
    except KeyboardInterrupt:
        code = INTERRUPTED
        message = "interrupted; the job keeps what was finished, the same command goes on from there"
    except (EngineError, RigError) as error:
        code, message = getattr(error, "exit_code", EngineError.exit_code), str(error)
    except MemoryError:
        code = EngineError.exit_code
        message = "the machine has too little free memory for this video; close programs or trim the range"
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        code = OutputError.exit_code
        message = f"{where}{error.strerror or error}; what was finished before is kept in the job folder"
    with contextlib.suppress(BrokenPipeError):
        reporter.failed(message, code)
    return code
