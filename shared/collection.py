"""How often a long-running process looks for garbage that only the collector can free."""

import gc

_FIRST_GENERATION = 50_000
"""A batch of claims is tens of thousands of new objects; at Python's 700 the collector runs all the time."""


def collect_seldom() -> None:
    """Call once all is loaded and before the first work: a third of the work on claims was looking for garbage.

    What is loaded by now stays, so it is never looked at again. Claims hold no cycles: they are freed as soon
    as nobody refers to them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_FIRST_GENERATION, 20, 50)
