"""Why a customer got, or did not get, a campaign's emails. Pure: records and campaigns in, sentences out."""

from services.trigger.explain.editions import Editions, editions_of
from services.trigger.explain.grounds import Ground, Judged, ground_of, unmet
from services.trigger.explain.near_miss import NearMiss, near_misses
from services.trigger.explain.past import FOR_EVER_MS, Past, past_of
from services.trigger.explain.sentences import decided, explain
from services.trigger.explain.timeline import Item, timeline

__all__ = [
    "FOR_EVER_MS",
    "Editions",
    "Ground",
    "Item",
    "Judged",
    "NearMiss",
    "Past",
    "decided",
    "editions_of",
    "explain",
    "ground_of",
    "near_misses",
    "past_of",
    "timeline",
    "unmet",
]
