"""Importing: results of other programs become motion of this one."""
