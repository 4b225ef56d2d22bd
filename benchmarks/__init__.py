"""Figures of the workbench, each beside its own yardstick, measured in one run.

`make bench` runs them all, prints a table and writes JSON. Nothing here asserts: absolute figures
move with the machine; ratios within one run are what to quote.
"""
