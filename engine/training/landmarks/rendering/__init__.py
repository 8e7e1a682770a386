"""Renders dressed bodies in made-up scenes with truth, for training only; needs the `train` extra."""
