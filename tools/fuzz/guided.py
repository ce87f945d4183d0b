"""atheris, guided by coverage, on the protobuf entries: `python -m tools.fuzz.guided -runs=N`.

It is a separate process, because libFuzzer ends the process it runs in.
"""

import sys

import atheris

with atheris.instrument_imports(include=["quintet", "quintet_ranker", "quintet_search"]):
    from tools.fuzz.targets import REFUSALS, rpc_targets

_ENTRIES = list(rpc_targets().values())


def once(data: bytes) -> None:
    """Run an entry, chosen by the first byte, on the rest of the input."""
    if not data:
        return
    try:
        _ENTRIES[data[0] % len(_ENTRIES)].run(data[1:])
    except REFUSALS:
        return


if __name__ == "__main__":
    atheris.Setup([*sys.argv, "-rss_limit_mb=2048", "-max_len=4096", "-print_final_stats=1"], once)
    atheris.Fuzz()
