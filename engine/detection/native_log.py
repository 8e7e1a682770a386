"""Keeps the chatter of native libraries off the terminal while they start."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_CHATTER = re.compile(
    rb"^([IW]\d{4} |INFO: |WARNING: (All log messages|Logging before)|\[ ?(WARN|ERROR|INFO):\d|\s*$|libEGL|MESA)",
    re.IGNORECASE,
)


@contextmanager
def without_native_chatter(active: bool = True) -> Iterator[None]:
    """Hold back what is written to the process's stderr; afterwards pass on all but informational native log lines.

    It works on the file descriptor, because native code does not know `sys.stderr`. It does nothing where there is
    no stderr or `active` is False.
    """
    if not active:
        yield
        return
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, AttributeError):
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held:
                if not _CHATTER.match(line):
                    os.write(2, line)
