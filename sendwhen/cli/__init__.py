"""The command line: one module for each command, each a client like any other."""
