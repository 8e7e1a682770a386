"""Produces items in a thread of its own, a few ahead of whoever uses them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

Item = TypeVar("Item")
_END = object()


def read_ahead(
    items: Generator[Item, None, None], depth: int = 3, stop: Callable[[], None] = lambda: None
) -> Generator[Item, None, None]:
    """The same items, produced in another thread that stays at most `depth` ahead.

    What the source raises is raised here. Closing this iterator early closes the source, after `stop` was called to
    make it give up an item that takes long.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead") as pool:
        coming: deque[Future[Any]] = deque(pool.submit(next, items, _END) for _ in range(depth))
        try:
            while (item := coming.popleft().result()) is not _END:
                coming.append(pool.submit(next, items, _END))
                yield item
        finally:
            stop()
            for future in coming:
                future.cancel()
            pool.submit(items.close).result()
