"""One module per figure. Every figure stands beside a reference from the same run, because machines are noisy.

`make bench` runs them all and appends a line to `history.jsonl`; `python -m bench NAME …` runs some.
"""
