"""Training of the project's own networks on data that may be used for it."""
