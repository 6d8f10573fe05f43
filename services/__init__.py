"""How sendwhen runs: one directory, one process."""
