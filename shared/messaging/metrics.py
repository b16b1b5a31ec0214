"""What the messaging of this process did, for Prometheus. Labels are names of ours: never a key or an id."""

from prometheus_client import Counter, Gauge

published = Counter("promptclaim_events_published", "Events handed to the bus", ["topic"])
consumed = Counter("promptclaim_events_consumed", "Events whose effects were committed", ["group"])
repeated = Counter(
    "promptclaim_events_repeated", "Events dropped because their effects were there", ["group"]
)
dead_lettered = Counter("promptclaim_events_dead_lettered", "Events that could not be processed", ["group"])
fenced = Counter(
    "promptclaim_consumer_fenced", "Batches given up because another consumer had them", ["group"]
)
lag = Gauge("promptclaim_consumer_lag", "Records that wait to be read", ["group"])
