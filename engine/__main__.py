"""`python -m engine` is the `mocap` command."""

import sys

if __name__ == "__main__":
    try:
        from .cli import main

        sys.exit(main())
    except KeyboardInterrupt:
        # Before the command line was read there is nothing to keep or to say.
        sys.exit(130)
