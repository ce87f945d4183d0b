"""Keep Python's cyclic garbage collector from pausing a process that answers requests."""

import gc


def settle() -> None:
    """Exclude every object that exists now from later garbage collections.

    Libraries create some 200,000 objects that live as long as the process. One full collection
    traverses all of them and takes 0.1 s, in which no Python thread runs, once in a few hundred
    requests. Excluded objects are still freed when their reference count reaches zero; only cycles
    among them stay until the process ends.
    """
    gc.freeze()
