"""Message ↔ value, total both ways: nothing here raises on what a peer sent, and nothing is lost on the way."""
