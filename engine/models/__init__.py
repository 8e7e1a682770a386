"""The image networks: HybrIK-Transformer and HybrIK, whose released checkpoints load unchanged."""
