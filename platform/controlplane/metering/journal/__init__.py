"""What a process of the data plane notes of its requests on the machine's own disk: none is lost, however the process ends.

A request that is under way holds a slot of a file that is mapped into memory: who asks which model, and the tokens so far, kept
up to date with each piece of the answer at the cost of an assignment. The system keeps such a file when the process is
killed. One that is over is a line of JSON in a file that only grows. A process of its own (`manage.py ledger`) takes both into
the database, by the request's id, so that taking one twice is taking it once.

One directory for each process that writes; a lock on it tells whether that one still lives.
"""

from controlplane.metering.journal.reader import JournalReader, Part, abandoned_slots, journals
from controlplane.metering.journal.writer import Journal, JournalFull, Slot

__all__ = ["Journal", "JournalFull", "JournalReader", "Part", "Slot", "abandoned_slots", "journals"]
