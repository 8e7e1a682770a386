"""Turns Ctrl-C and polite kills into one KeyboardInterrupt, so that the work can tidy up undisturbed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_CODE = 130
"""Exit code after Ctrl-C or a polite kill, as shells use it."""

PATIENCE_S = 2.0
"""A signal that comes this much later than the first ends the process at once."""

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


@contextmanager
def interruptible() -> Iterator[None]:
    """Within it the first of these signals raises KeyboardInterrupt in the main thread and those that follow do not.

    A terminal, the Blender add-on and a batch may each send one; only the first may reach the code, or it would break
    the saving of what is finished. Signals that whoever started us chose to ignore stay ignored. The earlier handlers
    come back at the end, but not after an interruption: the process is on its way out.
    """
    first_s: float | None = None

    def interrupt(signum: int, frame: FrameType | None) -> None:
        nonlocal first_s
        if first_s is None:
            first_s = time.monotonic()
            raise KeyboardInterrupt
        if time.monotonic() - first_s > PATIENCE_S:
            os._exit(EXIT_CODE)

    before = {}
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
        before = {number: signal.getsignal(number) for number in numbers}
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, interrupt)
    try:
        yield
    except Exception:
        # Native modules that are interrupted while they load report that as a failure of their own.
        if first_s is not None:
            raise KeyboardInterrupt from None
        raise
    finally:
        for number, handler in before.items() if first_s is None else ():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
