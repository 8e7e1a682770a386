# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads from pip's output how far an installation is, and why it failed, in words for people."""

import re
from collections.abc import Callable
from pathlib import Path

_COLLECTING = re.compile(r"Collecting ([A-Za-z0-9._-]+)")
_PROCESSING = re.compile(r"Processing (\S.*\.whl)")
_FETCHING = re.compile(
    r"(?:Downloading|Using cached|File was already downloaded) (\S.*\.whl)(?:\s+\(([\d.]+)\s*([kMG]?)B\))?\s*$"
)
_METADATA = re.compile(r"\.whl\.metadata\b")
_INSTALLING = re.compile(r"Installing collected packages: (.+)")
_NO_MATCH = re.compile(r"No matching distribution found for ([^\s;(]+)")
_BYTES = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}
_USUAL_TOTAL = 30
"""About as many packages as the engine brings; paces the bar where pip learns of packages only while it fetches."""

_UNREACHABLE = (
    "NewConnectionError",
    "Max retries exceeded",
    "Connection broken",
    "Temporary failure in name resolution",
    "getaddrinfo failed",
    "ReadTimeoutError",
    "Read timed out",
    "ConnectTimeoutError",
    "ConnectionResetError",
    "ProxyError",
)


class PipProgress:
    """The state of one `pip install`, fed with its lines."""

    def __init__(self, temporary: Path, installed: Callable[[], int]) -> None:
        self._temporary = temporary  # where pip keeps what it is fetching
        self._installed = installed  # counts the packages that are in place
        self._installed_before = installed()
        self._wanted: set[str] = set()
        self._fetched: list[str] = []
        self._size = 0.0
        self._to_install = 0
        self._knows_total = False
        self._lines: list[str] = []

    def feed(self, line: str) -> None:
        """Take in a line."""
        self._lines.append(line)
        text = line.strip()
        if found := _INSTALLING.match(text):
            self._to_install = len(found[1].split(","))
        elif found := _FETCHING.match(text):
            self._start(re.split(r"[/\\]", found[1])[-1], float(found[2] or 0) * _BYTES[found[3] or ""])
        elif found := _PROCESSING.match(text):
            self._start(re.split(r"[/\\]", found[1])[-1], 0.0)
        elif _METADATA.search(text):
            self._knows_total = True  # all is resolved before anything is fetched
        elif found := _COLLECTING.match(text):
            self._wanted.add(_plain(found[1]))

    @property
    def fetched_fraction(self) -> float:
        """How much was fetched, 0 to 1."""
        if not self._fetched:
            return 0.0
        part = min(1.0, self._arrived() / self._size) if self._size else 0.0
        return min(1.0, (len(self._fetched) - 1 + part) / self._total())

    @property
    def installed_fraction(self) -> float:
        """How much was installed, 0 to 1."""
        return min(1.0, self._new() / self._to_install) if self._to_install else 0.0

    @property
    def text(self) -> str:
        """What is done now."""
        if self._to_install:
            return f"Installing package {min(self._new() + 1, self._to_install)} of {self._to_install}"
        if not self._fetched:
            return "Looking for packages"
        of = f" of {self._total()}" if self._knows_total else ""
        name = self._fetched[-1].split("-")[0]
        count = f"Package {len(self._fetched)}{of}: {name}"
        if self._size > 1e6:
            return f"{count}, {self._arrived() / 1e6:.0f} of {self._size / 1e6:.0f} MB"
        return count

    def failure(self, wheels_folder: str, computer: str) -> str:
        """Why pip failed, one sentence that says what to do."""
        output = "\n".join(self._lines)
        if "No space left on device" in output or "Errno 28" in output or "WinError 112" in output:
            return "the disk is full; free some space and go on"
        if missing := _NO_MATCH.search(output):
            if wheels_folder:
                return f"the folder {wheels_folder} lacks a wheel of {missing[1]} for {computer}; add it and go on"
            if not _unreachable(output):
                return f"there is no package {missing[1]} for {computer}"
        if _unreachable(output):
            return "the package index cannot be reached; check the network or proxy, or choose a folder of wheels"
        if "CERTIFICATE_VERIFY_FAILED" in output or "SSLError" in output:
            return "the package index's certificate is not trusted here; set pip's `cert`, or choose a folder of wheels"
        if "Permission denied" in output or "Access is denied" in output:
            return "files of the environment cannot be written; close programs that use them and go on"
        if found := re.search(r"ERROR: .*?(\S+\.whl).*(?:not a valid|invalid|Invalid)", output):
            return f"the package {found[1]} is damaged; fetch it again"
        errors = [line.strip()[7:] for line in self._lines if line.strip().startswith("ERROR: ")]
        last = next((line.strip() for line in reversed(self._lines) if line.strip()), "it said nothing")
        return f"pip failed: {(errors[0] if errors else last)[:300]}"

    def _start(self, file_name: str, size: float) -> None:
        name = _plain(file_name.split("-")[0])
        self._wanted.add(name)
        if name not in {_plain(file.split("-")[0]) for file in self._fetched}:
            self._fetched.append(file_name)
            self._size = size

    def _total(self) -> int:
        return max(len(self._wanted), len(self._fetched), 0 if self._knows_total else _USUAL_TOTAL)

    def _arrived(self) -> float:
        try:
            return float(max((path.stat().st_size for path in self._temporary.rglob(self._fetched[-1])), default=0))
        except OSError:
            return 0.0  # moved on while we looked

    def _new(self) -> int:
        return self._installed() - self._installed_before


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _unreachable(output: str) -> bool:
    return any(sign in output for sign in _UNREACHABLE)
