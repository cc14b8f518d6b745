"""Who may ask an engine, and when: limits, fair queues in front of what is saturated, and their agreement over processes.

Knows nothing of HTTP. Asyncio, one event loop, no locks: nothing here is called from another thread.
"""

from inference.admission.accounts import Left
from inference.admission.gate import Gate, Ticket
from inference.admission.party import NO_LIMITS, Limits, Member, Party, Priority
from inference.admission.pool import Bounds
from inference.admission.refusals import Refused
from inference.admission.sharing import Sharing
from inference.admission.watching import UnderWay, under_way

__all__ = [
    "NO_LIMITS",
    "Bounds",
    "Gate",
    "Left",
    "Limits",
    "Member",
    "Party",
    "Priority",
    "Refused",
    "Sharing",
    "Ticket",
    "UnderWay",
    "under_way",
]
