"""A client of ingest for Python programs: typed, with deadlines, and with retries that never double an event.

    async with connect("127.0.0.1:7401", write_key="…") as client:
        await client.track("Order Completed", user_id="u1", properties={"total": 12.5})

Every event has an id, made here unless given; a retry sends the same one, so that the customer's history has it once.
Errors are those of ``sendwhen.errors``.
"""

from sendwhen.client.caller import Client, Retries, connect
from sendwhen.client.events import Event, Position, Result
from sendwhen.client.stream import EventStream

__all__ = ["connect", "Client", "Event", "EventStream", "Position", "Result", "Retries"]
