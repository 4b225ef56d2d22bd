"""Parse, call the facade, print. stdout is data, stderr is narration.

Exit codes: 0 success, 1 the function failed, 2 the request was wrong, 3 the workbench could not do
its job.
"""
