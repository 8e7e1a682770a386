"""Reads video as a stream of upright frames with their own presentation times."""

from .reader import Frame, ReadOptions, Source, VideoInfo, VideoReader, hash_video, probe

__all__ = ["Frame", "ReadOptions", "Source", "VideoInfo", "VideoReader", "hash_video", "probe"]
