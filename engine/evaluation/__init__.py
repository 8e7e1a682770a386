"""Measurements: parity with reference numbers, clips against truth."""
