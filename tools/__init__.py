"""What the Makefile calls and nothing else needs."""
