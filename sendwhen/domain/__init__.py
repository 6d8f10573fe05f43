"""What sendwhen decides, not how it runs: no I/O, no clock, no chance. Same input, same output, in any process."""
