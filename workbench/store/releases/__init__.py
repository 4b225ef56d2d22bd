"""What was published: versions, aliases and the journal of changes. A database of its own, beside the
history, because history may be pruned, and this may not.
"""
