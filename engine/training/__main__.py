"""Runs `mocap train` in each process that torchrun starts: torchrun -m engine.training CONFIG.toml."""

from __future__ import annotations

import sys

from engine.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
