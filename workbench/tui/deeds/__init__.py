"""What the actions of `actions.py` do, under the same ids: through the facade, or on the screen."""
