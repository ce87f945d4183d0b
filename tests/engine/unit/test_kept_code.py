"""Compiled code is kept beside the sources, and used only if it is theirs."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import numba.core.runtime as _runtime
import numpy as np
import pytest
from quintet_engine.kernel import compiling
from quintet_engine.kernel.layout import fixed
from quintet_engine.kernel.warm import modules

# numba has no types for its runtime.
runtime: Any = _runtime


def test_a_process_that_finds_kept_code_compiles_nothing():
    statement = "from quintet_engine.kernel.warm import load_all; print(load_all())"
    ran = subprocess.run(
        [sys.executable, "-c", statement], capture_output=True, text=True, check=True, timeout=120
    )
    assert ran.stdout.strip() == "0", "run `make install`, which compiles what has changed"


def is_kept_apart(value: object) -> bool:
    """Whether a value is a compiled function with code of its own, not a part of others."""
    return isinstance(getattr(value, "_cache", None), compiling._Cache)


def test_every_module_with_a_compiled_function_is_compiled_by_the_installation():
    found = set()
    for path in Path(compiling.__file__).parent.glob("[a-z]*.py"):
        module = import_module(f"quintet_engine.kernel.{path.stem}")
        kept = [each for each in vars(module).values() if is_kept_apart(each)]
        if any(function.__module__ == module.__name__ for function in kept):
            found.add(path.stem)
    assert set(modules()) == found
    assert len(found) > 3


def test_kept_code_has_no_address_that_would_differ_in_each_compilation():
    loaded = [import_module(f"quintet_engine.kernel.{name}") for name in modules()]
    members = [each for module in loaded for each in vars(module).values()]
    # The folder may have files of earlier sources too, with other numbers of lines.
    names = {each._cache._impl.filename_base for each in members if is_kept_apart(each)}
    kept = [path for name in names for path in compiling.kept_folder().glob(f"{name}.*.nbc")]
    assert len(kept) >= len(names) > 20
    # Of functions and, after `__numba_array_expr_`, of an expression of arrays: `a + b`.
    address = re.compile(rb"0x[0-9a-f]{8}")
    assert [path.name for path in kept if address.search(path.read_bytes())] == []


def test_the_fingerprint_changes_with_any_source(tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "_FOLDER", tmp_path)
    digests = set()
    for text in ("a = 1", "a = 2"):
        (tmp_path / "one.py").write_text(text)
        compiling.fingerprint.cache_clear()
        digests.add(compiling.fingerprint())
    (tmp_path / "two.py").write_text("")
    compiling.fingerprint.cache_clear()
    digests.add(compiling.fingerprint())
    monkeypatch.undo()
    compiling.fingerprint.cache_clear()
    assert len(digests) == 3
    assert compiling.fingerprint() not in digests


def test_a_module_has_another_fingerprint_once_what_it_imports_has_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "_FOLDER", tmp_path)
    (tmp_path / "outer.py").write_text("from quintet_engine.kernel.middle import x")
    (tmp_path / "middle.py").write_text("from quintet_engine.kernel.inner import x")
    digests = []
    for name, text in (("inner", "a = 1"), ("inner", "a = 2"), ("other", "a = 3")):
        (tmp_path / f"{name}.py").write_text(text)
        compiling.fingerprint.cache_clear()
        digests.append(compiling.fingerprint("outer"))
    monkeypatch.undo()
    compiling.fingerprint.cache_clear()
    assert digests[0] != digests[1] == digests[2]


def test_code_is_noted_as_kept_for_these_sources_only(tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "kept_folder", lambda: tmp_path)
    assert not compiling.is_kept()
    compiling.note_kept()
    assert compiling.is_kept()
    monkeypatch.setattr(compiling, "fingerprint", lambda: "other")
    assert not compiling.is_kept()


@pytest.mark.usefixtures("without_rights_of_root")
def test_a_folder_that_cannot_be_written_to_is_no_error(tmp_path, monkeypatch):
    tmp_path.chmod(0o500)
    monkeypatch.setattr(compiling, "kept_folder", lambda: tmp_path)
    compiling.note_kept()
    assert not compiling.is_kept()


def test_references_are_counted_without_locks():
    from numba.core.registry import cpu_target

    module, _ = compiling.references.create_nrt_module(cpu_target.target_context)
    defined = {function.name: str(function) for function in module.functions}
    for operation in ("add", "sub"):
        assert f"{operation} i64" in defined[f"nrt_atomic_{operation}"]
        assert "atomicrmw" not in defined[f"nrt_atomic_{operation}"]


def test_threads_that_share_arrays_free_all_memory_and_keep_the_arrays():
    from quintet_engine.kernel.selecting import best_rows

    rows = fixed(np.arange(4_000), np.int32)
    scores, allowed = fixed(np.sin(rows), np.float32), fixed(np.full(500, 255), np.uint8)
    held = [sys.getrefcount(each) for each in (rows, scores, allowed)]
    want = best_rows(rows, scores, allowed, 500, -np.inf)

    def same(_: int) -> bool:
        found = best_rows(rows, scores, allowed, 500, -np.inf)
        return all(map(np.array_equal, found, want))

    runtime._nrt_python.memsys_enable_stats()
    try:
        before = runtime.rtsys.get_allocation_stats()
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(same, range(400)))
        after = runtime.rtsys.get_allocation_stats()
    finally:
        runtime._nrt_python.memsys_disable_stats()
    assert after.alloc - before.alloc == after.free - before.free > 0
    assert after.mi_alloc - before.mi_alloc == after.mi_free - before.mi_free > 0
    assert [sys.getrefcount(each) for each in (rows, scores, allowed)] == held
