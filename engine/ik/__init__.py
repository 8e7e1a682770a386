"""Hierarchical-chain analytical inverse kinematics."""
