"""The framed parts of a view: each shows one subject of the desk, and says in its frame how it stands.

They read the desk and draw with widgets; they start nothing and import neither views nor deeds.
"""
