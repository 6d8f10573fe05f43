"""Sender: turns a decision into at most one email, honestly accounted."""
