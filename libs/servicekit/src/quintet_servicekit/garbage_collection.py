"""Keeps Python's collector of cyclic garbage from stopping a process that answers."""

import gc


def settle() -> None:
    """Takes everything that lives now out of what the collector looks through.

    Libraries make some 200,000 objects that live as long as the process. Looking through all of
    them takes 0.1 s, in which no thread of Python runs: every few hundred requests one would wait
    for that. They are freed as ever once nothing refers to them; only cycles stay.
    """
    gc.freeze()
