"""Shared pure core (standard library and NumPy only): skeletons, rotations, motion and its file."""
