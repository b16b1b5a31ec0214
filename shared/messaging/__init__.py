"""Events in and out of a service's database, each with its effects in one transaction.

Out: :mod:`~shared.messaging.outbox`. In: :mod:`~shared.messaging.consumer`. What could not be processed:
:mod:`~shared.messaging.dead_letters`.
"""
