"""Writing a file under a temporary name and moving it into place only when it is complete."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path` (same suffix); on success it becomes `path`, on failure it is removed.

    >>> with replacing("dance.fbx") as temporary:
    ...     write_fbx(temporary)

    Raises OSError, naming the target, when it cannot be written.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.stem}.{secrets.token_hex(4)}.part{target.suffix}")
    try:
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        # Writing to an open file fails without a name; nobody knows the temporary one.
        if error.filename in (None, str(temporary), temporary):
            error.filename, error.filename2 = str(target), None
        raise
    finally:
        temporary.unlink(missing_ok=True)
