"""What to start from: campaigns and a demo shop."""
