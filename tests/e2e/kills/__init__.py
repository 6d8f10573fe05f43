"""Processes of the real installation killed and paused under load, and what must hold afterwards.

shop.py          customers that make events, and a client that hands each over until it is acknowledged
victims.py       finds the installation's processes, kills and pauses them
expectation.py   which emails the log's events must lead to, by a loop of its own
audit.py         compares what was acknowledged, logged, applied, decided, attempted and taken
logs.py          looks through what was written down meanwhile
rounds.py        the run as a whole
"""
