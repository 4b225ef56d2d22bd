"""Files and environment variables into model values, with file and line in every complaint.

The only room that reads the project's files and `os.environ`. Invariant: nothing here executes
anything of the user's, and one broken function never hides the others.
"""
