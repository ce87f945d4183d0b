"""How functions are compiled: for one stated processor, without reordered sums, kept on disk.

numba can keep machine code in files. Four of its habits do not suit a server, so we adapt them:

- It compiles for the processor at hand. Files made on another machine, as in an image, would never
  be used, and sums could differ. We compile for x86-64-v3, which most servers since 2015 have, and
  for LLVM's generic target elsewhere.
- It keeps code only in a folder that it can write to. An image's root is read-only, so we read
  the files anyway.
- It notices a changed function only if the file of that very function changed, not that of one it
  calls. We take a fingerprint of a module and of those that it imports from this folder.
- It uses the same files with and without bounds checks. We keep them apart.

Another of its habits costs time: it counts the references to each array by instructions that lock
memory against other processors, also in inner loops, and each makes the processor wait for all
memory that it has asked for. Our arrays' counts belong to one call each, so we count without locks.

The files are pickles, as trusted as the `.pyc` files beside them: who can write there can run code
already. They are never read from anywhere else.
"""

import contextlib
import hashlib
import logging
import re
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Self, TypeVar, cast

import numba
from llvmlite import binding, ir
from numba import extending as _extending
from numba.core import caching as _caching
from numba.core import config as _config
from numba.core.runtime import nrtdynmod as _references

_log = logging.getLogger(__name__)
F = TypeVar("F", bound=Callable[..., Any])
# numba has no types for what we adapt.
config: Any = _config
# numba passes an intrinsic its first argument itself, which annotations cannot say.
intrinsic: Callable[[Any], Callable[..., Any]] = _extending.intrinsic
caching: Any = _caching
references: Any = _references
_njit: Any = numba.njit
BASELINE: Final = "x86-64-v3"
"""The processor that code is compiled for: AVX2, FMA and BMI (Intel Haswell, AMD Excavator)."""
# What LLVM calls the features of that level (x86-64 psABI, "Micro-Architecture Levels").
_BASELINE_FEATURES: Final = ("avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe")
_OPTIONS: Final[dict[str, Any]] = {"nogil": True, "error_model": "numpy"}
_FOLDER: Final = Path(__file__).parent
# How a source names another one of this folder.
_IMPORT: Final = re.compile(r"\bquintet_engine\.kernel\.(\w+)\b")
compiled_anew: list[str] = []
"""Functions that this process compiled itself, because no kept code fitted."""
# The one module whose functions this process compiles; all if empty.
_only: list[str] = []


def target() -> str:
    """Choose the processor to compile for: `BASELINE` if this machine has it, else "generic"."""
    host = binding.get_host_cpu_features()
    return BASELINE if all(host.get(name) for name in _BASELINE_FEATURES) else "generic"


# Set before anything is compiled: numba reads both when it makes its code generator. Without the
# second it would add what the processor at hand has beyond the baseline.
if config.CPU_NAME is None:
    config.CPU_NAME, config.CPU_FEATURES = target(), ""


def _count_without_lock(module: Any, operation: str, ordering: str) -> Any:
    """Define how a count of references changes by 1, as numba does, but without a lock.

    A count is made where a call takes an array from Python, or allocates one, and belongs to that
    call: two threads that pass the same array have a count each. An array that goes back to Python
    keeps its count, which from then on only numba's library changes, with locks. So no two threads
    change a count at once, unless numba itself runs a loop on several threads (`parallel`), which
    no function here does.

    Args:
        module: LLVM's module of reference counting.
        operation: "add" or "sub".
        ordering: How numba orders the change among those of other threads.
    """
    assert ordering == "monotonic", "numba counts in another way than this code knows"
    word = references._word_type
    kind = ir.FunctionType(word, [word.as_pointer()])
    function = ir.Function(module, kind, name=f"nrt_atomic_{operation}")
    builder = ir.IRBuilder(function.append_basic_block())
    count = getattr(builder, operation)(builder.load(function.args[0]), ir.Constant(word, 1))
    builder.store(count, function.args[0])
    builder.ret(count)
    return function


# Set before anything is compiled, too.
references._define_atomic_inc_dec = _count_without_lock


@cache
def fingerprint(module: str = "") -> str:
    """Compute a digest of the sources that compiled code is made of, and of what compiles them.

    Args:
        module: The stem of the module with the functions; all sources count if empty.
    """
    digest = hashlib.sha256(version("llvmlite").encode())
    paths = _FOLDER.glob("*.py")
    for path in sorted(_imported(_FOLDER / f"{module}.py") if module else paths):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _imported(source: Path) -> set[Path]:
    """Find a source of this folder and those it imports, and those they import."""
    found, left = set(), [source]
    while left:
        path = left.pop()
        if path not in found and path.is_file():
            found.add(path)
            names = _IMPORT.findall(path.read_text(encoding="utf-8"))
            left += [_FOLDER / f"{name}.py" for name in names]
    return found


def kept_folder() -> Path:
    """Name the folder of the kept code: beside the bytecode of these sources."""
    return _FOLDER / "__pycache__" / ("checked" if config.BOUNDSCHECK else "compiled")


def is_kept() -> bool:
    """Check whether `note_kept` was called for the code of these sources and this processor."""
    try:
        return _note().read_text(encoding="utf-8") == _kept_code()
    except OSError:
        return False


def note_kept() -> None:
    """Note that all code is kept, in a folder that can be written to."""
    with contextlib.suppress(OSError):
        _note().write_text(_kept_code(), encoding="utf-8")


def _note() -> Path:
    return kept_folder() / "complete"


def _kept_code() -> str:
    return f"{fingerprint()} {config.CPU_NAME}"


class _Locator(caching._CacheLocator):  # type: ignore[misc]
    """Names the folder of kept code for numba, and checks that the sources are the same."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._line = function.__code__.co_firstlineno
        self._module = function.__module__.rpartition(".")[2]

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], _py_file: str) -> Self:
        return cls(py_func)

    def get_cache_path(self) -> str:
        return str(kept_folder())

    def get_source_stamp(self) -> str:
        return fingerprint(self._module)

    def get_disambiguator(self) -> str:
        return str(self._line)


class _Implementation(caching.CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (_Locator,)

    def reduce(self, cres: Any) -> tuple[Any, ...]:
        """Leave out the listing of types: nothing reads it, and it differs in each process.

        It is the only text among the parts, and contains addresses of functions.
        """
        return tuple("" if isinstance(part, str) else part for part in super().reduce(cres))


class _Cache(caching.FunctionCache):  # type: ignore[misc]
    """Code on disk that may be missing, damaged or read-only: then the process compiles."""

    _impl_class = _Implementation

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        # Whatever a damaged pickle raises: code that cannot be read is compiled again.
        except Exception as fault:
            _log.warning("kept code of %s cannot be read: %s", self._name, fault)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        compiled_anew.append(self._name)
        try:
            super().save_overload(sig, data)
        except OSError as fault:
            _log.info("compiled code of %s is not kept: %s", self._name, fault)


def compile_only(module: str) -> None:
    """Compile the functions of one module and no others, in a process that ends afterwards."""
    _only.append(module)


def compiled(*signatures: Any) -> Callable[[F], F]:
    """Make a decorator that loads or compiles a function for some signatures, and no others.

    No lock of the interpreter is held while it runs, and no sum is reordered, so that results do
    not depend on the machine.

    Args:
        signatures: As numba writes them; `readonly` describes arrays that may be mapped files.
    """

    def decorate(function: F) -> F:
        dispatcher: Any = _njit(no_cfunc_wrapper=True, **_OPTIONS)(function)
        if _only and function.__module__ not in _only:
            return cast(F, dispatcher)
        dispatcher._cache = _Cache(function)
        for signature in signatures:
            dispatcher.compile(signature)
        # Another signature is an error of the caller, and would compile for seconds in a request.
        dispatcher.disable_compile()
        return cast(F, dispatcher)

    return decorate


def inlined(function: F) -> F:
    """Decorate a function that only compiled functions call; it becomes part of their code."""
    # Without an entry for Python, which would take longer to compile than most of them.
    options = {**_OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast(F, _njit(**options)(function))


def borrowing(function: F) -> F:
    """Decorate as `inlined` does a function that makes, keeps and returns no array.

    It counts no references to its arguments, which its caller holds: in an inner loop, counting
    takes as long as the work.
    """
    options = {**_OPTIONS, "_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast(F, _njit(**options)(function))
