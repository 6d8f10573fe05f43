"""The whole path under one scheduler: domain, shard host, relay and sender over in-memory stores that break on purpose.

One seed decides everything: order, time, duplicates, crashes between any two requests, a second owner, owners that
pause, store restarts, lost and replaced tails, provider ambiguity. `make simulate SEED=… RUNS=…` repeats a run.
"""
