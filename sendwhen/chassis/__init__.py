"""What any process needs and no customer knows: settings, clock, logs, gRPC servers and channels, connections."""
