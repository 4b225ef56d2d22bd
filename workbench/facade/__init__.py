"""`Workbench`: everything a front end may ask for. The one door.

Front ends import this and the model, nothing below. Invariant: whatever one front end can do, all
can, because it is a method here.
"""
