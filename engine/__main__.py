"""`python -m engine` is the `mocap` command."""

import contextlib
import os
import sys

INTERRUPTED = 130


def _exit_code() -> int:
    try:
        from .cli import main

        return main()
    except KeyboardInterrupt:
        # Before the command line was read there is nothing to keep or to say.
        return INTERRUPTED


if __name__ == "__main__":
    code = _exit_code()
    if code == INTERRUPTED:
        # Where the interruption passed through an `exec` of source text (dataclasses make theirs so while modules
        # load), Python ends a module run with -m by killing itself with SIGINT although it was handled. All that had
        # to be closed is closed, so the process can end here and keep its exit code.
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # nobody listens any more
                stream.flush()
        os._exit(code)
    sys.exit(code)
