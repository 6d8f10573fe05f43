"""Campaigns over history that really happened: the production domain in virtual time, sending nothing.

Work is divided by customers, whose past is read from an archive one customer after the other; what comes out is the
same whoever does which part, and in which order.
"""
