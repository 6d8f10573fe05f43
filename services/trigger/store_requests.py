"""What a shard host asks of the store, carried out: one method of the store for each request."""

from __future__ import annotations

from typing import assert_never

from services.trigger.ports import (
    AppendTick,
    AwaitCommit,
    Claim,
    Commit,
    Due,
    Load,
    LoadPast,
    MarkTrying,
    Read,
    StoreRequest,
)
from services.trigger.review_port import ReviewCustomers
from services.trigger.store_port import ShardStore


def carry_out(store: ShardStore, request: StoreRequest) -> object:
    """The store's answer, which is the host's next input.

    Raises:
        StoreLost: The store is away; whether the request was carried out is unknown.
    """
    answer: object
    match request:
        case Read():
            answer = store.read(request)
        case Load():
            answer = store.load(request)
        case LoadPast():
            answer = store.load_past(request)
        case Commit():
            answer = store.commit(request)
        case AwaitCommit():
            answer = store.await_commit()
        case Due():
            answer = store.due(request)
        case Claim():
            answer = store.claim(request)
        case AppendTick():
            answer = store.append_tick(request)
        case ReviewCustomers():
            answer = store.review(request)
        case MarkTrying():
            answer = store.mark_trying(request)
        case _:
            assert_never(request)
    return answer
