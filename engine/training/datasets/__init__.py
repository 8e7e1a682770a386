"""Reads the annotation files of the public data sets that the image networks are trained on and scored with."""
