"""The root of every error that `rig` raises on purpose."""


class RigError(ValueError):
    """Bad input to the pure core; the message names the culprit, its value and what was expected."""
