"""The profile cache: who is this customer right now, from memory."""
