"""What sendwhen decides, and nothing of how it runs: no I/O, no clock, no chance. Same input, same output, in any process."""
