"""The history: SQLite with one writer thread, and the journal that survives kill -9.

The only room that knows sqlite3. Invariant: what a caller was answered is in the journal before he
is answered; rows become model values here and nowhere else.
"""
