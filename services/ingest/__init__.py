"""Takes events in: authenticates, validates, normalises once, and answers only after trigger has the event on disk."""
