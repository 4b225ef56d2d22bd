"""A workbench for AWS-Lambda-style functions: engine, CLI, Lambda-compatible endpoint, terminal UI.

The rooms and who may import whom: docs/design.md. Nothing is imported here, so that importing one
room never drags in another.
"""
