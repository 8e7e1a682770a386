"""The root of every error that the engine raises on purpose, and the exit codes they end a command with."""

from rig.errors import RigError


class EngineError(Exception):
    """One clear sentence that names the culprit, its value, what was expected and what to do."""

    exit_code = 1


class InputError(EngineError):
    """The user's file or setting cannot be used."""

    exit_code = 2


class NobodyFound(EngineError):
    """The video was read but holds no person that can be tracked."""

    exit_code = 3


class MissingTool(EngineError):
    """A program or package that the request needs is not installed."""

    exit_code = 4


class OutputError(EngineError):
    """A result cannot be written (permissions, full disk); what was finished before is kept."""

    exit_code = 5


__all__ = ["EngineError", "InputError", "MissingTool", "NobodyFound", "OutputError", "RigError"]
