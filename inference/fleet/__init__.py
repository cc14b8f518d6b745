"""The replicas behind the models: what they say of themselves, whether they answer, and what follows for who asks them."""

from inference.fleet.loads import Loads
from inference.fleet.metrics import NO_LOADS, ScrapedLoads, read_loads, scrape
from inference.fleet.probe import Probe, ProbeOutcome, probe
from inference.fleet.replica import NOT_WATCHED, Replica, replica_key
from inference.fleet.state import DEFAULT_RULES, Health, Reason, Rules, State, Wanted

__all__ = [
    "DEFAULT_RULES",
    "NOT_WATCHED",
    "NO_LOADS",
    "Health",
    "Loads",
    "Probe",
    "ProbeOutcome",
    "Reason",
    "Replica",
    "Rules",
    "ScrapedLoads",
    "State",
    "Wanted",
    "probe",
    "read_loads",
    "replica_key",
    "scrape",
]
