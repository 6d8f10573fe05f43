"""What the Makefile runs: generators and checks."""
