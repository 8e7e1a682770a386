"""Swingtwist's engine: from a video of people to animated SMPL skeletons. Importing it loads nothing heavy."""

__version__ = "0.1.0"
