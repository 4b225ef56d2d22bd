"""Parts of the screen. They draw what they are given and say what was done to them.

Who may import it: `views/`, `overlays/` and the app. Widgets import no view and no deed.
"""
