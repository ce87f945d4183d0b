"""Several numbers that one instruction works on, for compiled functions.

LLVM turns loops into such instructions by itself only if it can prove that no array overlaps
another, which it mostly cannot for arrays that come as arguments. So the innermost loops say it:
`floats` reads eight consecutive float32, `multiply` and others work on all of them, `put_floats`
writes them. LLVM makes the instructions of whichever processor from these, on one without vector
registers too.

`Lanes` exist in compiled functions only. Nothing here checks that an array is long enough, except
under NUMBA_BOUNDSCHECK.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np
from llvmlite import ir
from numba import extending as _extending
from numba import types as _types
from numba.core import cgutils as _cgutils

from quintet_engine.kernel.compiling import config, inlined, intrinsic

# numba has no types for what we use of it.
types: Any = _types
cgutils: Any = _cgutils
F = TypeVar("F", bound=Callable[..., Any])
models: Any = _extending.models
register_model: Any = _extending.register_model
FLOATS: Final = 8
"""float32 values together: 256 bits, a vector register of AVX2."""
WORDS: Final = 4
"""uint64 values together, likewise."""
BYTES: Final = 32
"""uint8 values together, likewise."""
COMPARED: Final = 32 * FLOATS
"""float32 values that are compared with a limit together, one bit each: four words."""


class Lanes(types.Type):  # type: ignore[misc]
    """The type of several numbers of one kind."""

    def __init__(self, element: str, count: int) -> None:
        bits = {"b1": 1, "u1": 8, "u8": 64}
        kind = ir.FloatType() if element == "f4" else ir.IntType(bits[element])
        self.vector = ir.VectorType(kind, count)
        super().__init__(f"Lanes({element}, {count})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        super().__init__(manager, lanes, lanes.vector)


# Arguments of `llvm.prefetch`: for reading, to be kept in all caches, data.
_READ, _KEEP, _DATA = 0, 3, 1
_F: Final = Lanes("f4", FLOATS)
_W: Final = Lanes("u8", WORDS)
_M: Final = Lanes("b1", FLOATS)
_B: Final = Lanes("u1", BYTES)


def _address(context: Any, builder: Any, kind: Any, array: Any, start: Any) -> Any:
    """Compute the address of an element of an array."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [start])


def _read(lanes: Lanes, element: int) -> Callable[..., Any]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _address(context, builder, signature.args[0], arguments[0], arguments[1])
        return builder.load(builder.bitcast(place, lanes.vector.as_pointer()), align=element)

    return generate


def _write(lanes: Lanes, element: int) -> Callable[..., Any]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _address(context, builder, signature.args[0], arguments[0], arguments[1])
        pointer = builder.bitcast(place, lanes.vector.as_pointer())
        builder.store(arguments[2], pointer, align=element)
        return context.get_dummy_value()

    return generate


def _repeated(builder: Any, value: Any, vector: Any) -> Any:
    """Fill a vector with one value."""
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, undefined, zeros)


def fetch_line(builder: Any, address: Any) -> None:
    """Ask for the memory around an address, which may be any: nothing is read."""
    place, number = builder.bitcast(address, ir.IntType(8).as_pointer()), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
    prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    builder.call(prefetch, [place, *(number(each) for each in (_READ, _KEEP, _DATA))])


@intrinsic
def _floats(_context: Any, array: Any, _start: Any) -> Any:
    return _F(array, types.intp), _read(_F, 4)


@intrinsic
def _put_floats(_context: Any, array: Any, _start: Any, _lanes: Any) -> Any:
    return types.void(array, types.intp, _F), _write(_F, 4)


@intrinsic
def _words(_context: Any, array: Any, _start: Any) -> Any:
    return _W(array, types.intp), _read(_W, 8)


@intrinsic
def _put_words(_context: Any, array: Any, _start: Any, _lanes: Any) -> Any:
    return types.void(array, types.intp, _W), _write(_W, 8)


@intrinsic
def _bytes(_context: Any, array: Any, _start: Any) -> Any:
    return _B(array, types.intp), _read(_B, 1)


@intrinsic
def _put_bytes(_context: Any, array: Any, _start: Any, _lanes: Any) -> Any:
    return types.void(array, types.intp, _B), _write(_B, 1)


@intrinsic
def _add_floats(_context: Any, array: Any, _start: Any, _lanes: Any) -> Any:
    wide = ir.VectorType(ir.DoubleType(), FLOATS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _address(context, builder, signature.args[0], arguments[0], arguments[1])
        pointer = builder.bitcast(place, wide.as_pointer())
        before = builder.load(pointer, align=8)
        builder.store(builder.fadd(before, builder.fpext(arguments[2], wide)), pointer, align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, _F), generate


@intrinsic
def _repeated_at(_context: Any, array: Any, _place: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _address(context, builder, signature.args[0], arguments[0], arguments[1])
        return _repeated(builder, builder.load(place, align=4), _F.vector)

    return _F(array, types.intp), generate


@intrinsic
def _answers(_context: Any, array: Any, _start: Any) -> Any:
    wide = ir.VectorType(ir.IntType(32), FLOATS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _address(context, builder, signature.args[0], arguments[0], arguments[1])
        values = builder.load(builder.bitcast(place, wide.as_pointer()), align=4)
        # By the sign, which is what instructions that choose look at.
        return builder.icmp_signed("<", values, ir.Constant(wide, [0] * FLOATS))

    return _M(array, types.intp), generate


@intrinsic
def _put_answers(_context: Any, array: Any, _start: Any, _lanes: Any) -> Any:
    wide = ir.VectorType(ir.IntType(32), FLOATS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _address(context, builder, signature.args[0], arguments[0], arguments[1])
        pointer = builder.bitcast(place, wide.as_pointer())
        builder.store(builder.sext(arguments[2], wide), pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, _M), generate


@inlined
def check(array: Any, start: Any, count: Any) -> None:
    """Check that an array has some elements, counted over all axes."""
    if start < 0 or start + count > array.size:
        raise IndexError("lanes are out of bounds")


def checked(unchecked: F) -> Callable[[F], F]:
    """Make a decorator that takes a function which checks, or one which does not.

    Under NUMBA_BOUNDSCHECK the decorated function is compiled, else the other one is used for it.
    Both are not wanted: each compiled function takes a moment for each type of its arguments.
    """

    def decorate(function: F) -> F:
        return inlined(function) if config.BOUNDSCHECK else unchecked

    return decorate


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Exchange rows and columns of eight vectors of eight, by three rounds of shuffles."""

    def pairs(distance: int) -> tuple[list[int], list[int]]:
        # Blocks of `distance` lanes: the even ones of both vectors, or the odd ones.
        low = [lane if lane & distance == 0 else lane - distance + FLOATS for lane in range(FLOATS)]
        return low, [place + distance for place in low]

    for distance in (4, 2, 1):
        low, high = (
            ir.Constant(ir.VectorType(ir.IntType(32), FLOATS), mask) for mask in pairs(distance)
        )
        for first in range(FLOATS):
            if first & distance == 0:
                a, b = rows[first], rows[first + distance]
                rows[first] = builder.shuffle_vector(a, b, low)
                rows[first + distance] = builder.shuffle_vector(a, b, high)
    return rows


@intrinsic
def _put_columns(_context: Any, source: Any, starts: Any, target: Any, _place: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        arrays = (signature.args[0], arguments[0]), (signature.args[2], arguments[2])
        rows = []
        for lane in range(FLOATS):
            where = ir.Constant(ir.IntType(64), lane)
            start = builder.load(_address(context, builder, signature.args[1], arguments[1], where))
            address = _address(context, builder, *arrays[0], start)
            rows.append(builder.load(builder.bitcast(address, _F.vector.as_pointer()), align=4))
        for lane, column in enumerate(_transposed(builder, rows)):
            where = builder.add(arguments[3], ir.Constant(ir.IntType(64), lane * FLOATS))
            address = _address(context, builder, *arrays[1], where)
            builder.store(column, builder.bitcast(address, _F.vector.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(source, starts, target, types.intp), generate


@checked(_put_columns)
def put_columns(source: Any, starts: Any, target: Any, place: Any) -> None:
    """Write eight runs of eight float32 column by column: the first of each run come first.

    Args:
        source: float32.
        starts: int64 (8,), where each run starts, counted over all axes.
        target: float32, written from `place` on.
        place: Counted over all axes, too.
    """
    for lane in range(FLOATS):
        check(source, starts[lane], FLOATS)
    check(target, place, FLOATS * FLOATS)
    _put_columns(source, starts, target, place)


@checked(_floats)
def floats(array: Any, start: Any) -> Any:
    """Read eight float32, from an element of a C-contiguous array on, counted over all axes."""
    check(array, start, FLOATS)
    return _floats(array, start)


@checked(_put_floats)
def put_floats(array: Any, start: Any, lanes: Any) -> None:
    """Write eight float32, likewise."""
    check(array, start, FLOATS)
    _put_floats(array, start, lanes)


@checked(_repeated_at)
def repeated_at(array: Any, place: Any) -> Any:
    """Read one float32 and make eight of it."""
    check(array, place, 1)
    return _repeated_at(array, place)


@checked(_answers)
def answers(array: Any, start: Any) -> Any:
    """Read eight answers, yes where an int32 is negative."""
    check(array, start, FLOATS)
    return _answers(array, start)


@checked(_put_answers)
def put_answers(array: Any, start: Any, lanes: Any) -> None:
    """Write eight answers as int32, -1 or 0."""
    check(array, start, FLOATS)
    _put_answers(array, start, lanes)


@checked(_words)
def words(array: Any, start: Any) -> Any:
    """Read four uint64, likewise."""
    check(array, start, WORDS)
    return _words(array, start)


@checked(_put_words)
def put_words(array: Any, start: Any, lanes: Any) -> None:
    """Write four uint64, likewise."""
    check(array, start, WORDS)
    _put_words(array, start, lanes)


@checked(_bytes)
def bytes_(array: Any, start: Any) -> Any:
    """Read 32 uint8, likewise."""
    check(array, start, BYTES)
    return _bytes(array, start)


@checked(_put_bytes)
def put_bytes(array: Any, start: Any, lanes: Any) -> None:
    """Write 32 uint8, likewise."""
    check(array, start, BYTES)
    _put_bytes(array, start, lanes)


@checked(_add_floats)
def add_floats(array: Any, start: Any, lanes: Any) -> None:
    """Add eight float32 to eight float64, likewise."""
    check(array, start, FLOATS)
    _add_floats(array, start, lanes)


@intrinsic
def _products(_context: Any, factors: Any, _begin: Any, tile: Any, _first: Any, _size: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        begin, first, size = arguments[1], arguments[3], arguments[4]
        whole = ir.IntType(64)
        sums = [cgutils.alloca_once_value(builder, _nothing()) for _ in range(2)]

        def add_product(each: Any, total: Any) -> None:
            where = builder.add(begin, each)
            factor = _address(context, builder, signature.args[0], arguments[0], where)
            where = builder.mul(each, whole(FLOATS))
            numbers = _address(context, builder, signature.args[2], arguments[2], where)
            wide = _repeated(builder, builder.load(factor, align=4), _F.vector)
            pointer = builder.bitcast(numbers, _F.vector.as_pointer())
            product = builder.fmul(wide, builder.load(pointer, align=4))
            builder.store(builder.fadd(builder.load(total), product), total)

        pairs = builder.lshr(builder.sub(size, first), whole(1))
        with cgutils.for_range(builder, pairs) as loop:
            each = builder.add(first, builder.shl(loop.index, whole(1)))
            add_product(each, sums[0])
            add_product(builder.add(each, whole(1)), sums[1])
        rest = builder.add(first, builder.shl(pairs, whole(1)))
        with builder.if_then(builder.icmp_signed("<", rest, size)):
            add_product(rest, sums[0])
        return builder.fadd(*(builder.load(total) for total in sums))

    return _F(factors, types.int64, tile, types.int64, types.int64), generate


def _nothing() -> Any:
    return ir.Constant(_F.vector, [0.0] * FLOATS)


@checked(_products)
def products(factors: Any, begin: Any, tile: Any, first: Any, size: Any) -> Any:
    """Sum the products of factors and numbers of a tile, of those from `first` to `size`.

    Two sums, so that two additions run at a time, one of every other number; then both are added.

    Args:
        factors: float32, from `begin` on; counted over all axes.
        begin: Where factor 0 is.
        tile: float32, eight numbers for each factor, one in each lane.
        first: The first factor that counts.
        size: The one after the last.
    """
    check(factors, begin, size)
    check(tile, first * FLOATS, (size - first) * FLOATS)
    return _products(factors, begin, tile, first, size)


def _operation(name: str) -> Callable[..., Any]:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return getattr(builder, name)(*arguments)

    return generate


@intrinsic
def repeated(_context: Any, _value: Any) -> Any:
    """Make eight equal float32."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _repeated(builder, arguments[0], _F.vector)

    return _F(types.float32), generate


@intrinsic
def repeated_word(_context: Any, _value: Any) -> Any:
    """Make four equal uint64."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _repeated(builder, arguments[0], _W.vector)

    return _W(types.uint64), generate


@intrinsic
def nibbles(_context: Any, _a: Any, _b: Any, _c: Any, _d: Any) -> Any:
    """Make 32 numbers from 0 to 15: bit i of `a`, `b`, `c`, `d` are the bits of number i."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        none = ir.Constant(_B.vector, [0] * BYTES)
        result = none
        for bit, word in enumerate(arguments):
            answers = builder.bitcast(word, ir.VectorType(ir.IntType(1), BYTES))
            value = ir.Constant(_B.vector, [1 << bit] * BYTES)
            result = builder.or_(result, builder.select(answers, value, none))
        return result

    return _B(types.uint32, types.uint32, types.uint32, types.uint32), generate


@intrinsic
def above_nibbles(_context: Any, _low: Any, _high: Any) -> Any:
    """Make 32 numbers from 0 to 255 of their lower and their upper four bits."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        four = ir.Constant(_B.vector, [4] * BYTES)
        return builder.or_(arguments[0], builder.shl(arguments[1], four))

    return _B(_B, _B), generate


@intrinsic
def add(_context: Any, _a: Any, _b: Any) -> Any:
    """Add float32."""
    return _F(_F, _F), _operation("fadd")


@intrinsic
def multiply(_context: Any, _a: Any, _b: Any) -> Any:
    """Multiply float32."""
    return _F(_F, _F), _operation("fmul")


@intrinsic
def subtract(_context: Any, _a: Any, _b: Any) -> Any:
    """Subtract float32."""
    return _F(_F, _F), _operation("fsub")


@intrinsic
def divide(_context: Any, _a: Any, _b: Any) -> Any:
    """Divide float32."""
    return _F(_F, _F), _operation("fdiv")


@intrinsic
def root(_context: Any, _a: Any) -> Any:
    """Take the square root of float32."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(_F.vector, [_F.vector])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.sqrt.v8f32")
        return builder.call(function, arguments)

    return _F(_F), generate


@intrinsic
def both(_context: Any, a: Any, _b: Any) -> Any:
    """Combine words or answers bit by bit: set where both are."""
    return a(a, a), _operation("and_")


@intrinsic
def either(_context: Any, a: Any, _b: Any) -> Any:
    """Combine words or answers bit by bit: set if either is."""
    return a(a, a), _operation("or_")


@intrinsic
def opposite(_context: Any, a: Any) -> Any:
    """Negate words or answers bit by bit."""
    return a(a), _operation("not_")


@intrinsic
def choose(_context: Any, _answers: Any, _a: Any, _b: Any) -> Any:
    """Choose, for each lane, the float32 of `a` where the answer is yes, else of `b`."""
    return _F(_M, _F, _F), _operation("select")


@intrinsic
def above(_context: Any, _a: Any, _b: Any) -> Any:
    """Answer `a > b` for each lane, no if either is NaN."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.fcmp_ordered(">", *arguments)

    return _M(_F, _F), generate


@intrinsic
def not_at_most(_context: Any, _a: Any, _b: Any) -> Any:
    """Answer `a > b` for each lane, yes if either is NaN."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.fcmp_unordered(">", *arguments)

    return _M(_F, _F), generate


@inlined
def greater(a: Any, b: Any) -> Any:
    """Take the greater float32 of each lane, that of `b` if either is NaN."""
    return choose(above(a, b), a, b)


@inlined
def lesser(a: Any, b: Any) -> Any:
    """Take the lesser float32 of each lane, that of `b` if either is NaN."""
    return choose(above(b, a), a, b)


def _comparison(*, ordered: bool) -> Callable[..., Any]:
    bits = ir.VectorType(ir.IntType(32), FLOATS)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        compare = builder.fcmp_ordered if ordered else builder.fcmp_unordered
        limits = _repeated(builder, arguments[2], _F.vector)
        # Several sums, so that none waits for the one before.
        parts = [ir.Constant(bits, [0] * FLOATS)] * 4
        for bit in range(COMPARED // FLOATS):
            where = builder.add(arguments[1], ir.Constant(ir.IntType(64), bit * FLOATS))
            place = _address(context, builder, signature.args[0], arguments[0], where)
            pointer = builder.bitcast(place, _F.vector.as_pointer())
            values = builder.load(pointer, align=4)
            answers = builder.sext(compare(">", values, limits), bits)
            one = ir.Constant(bits, [1 << bit] * FLOATS)
            parts[bit % 4] = builder.or_(parts[bit % 4], builder.and_(answers, one))
        halves = [builder.or_(parts[0], parts[1]), builder.or_(parts[2], parts[3])]
        return builder.bitcast(builder.or_(*halves), _W.vector)

    return generate


@intrinsic
def _bits_above(_context: Any, array: Any, _start: Any, _limit: Any) -> Any:
    return _W(array, types.intp, types.float32), _comparison(ordered=True)


@intrinsic
def _bits_not_at_most(_context: Any, array: Any, _start: Any, _limit: Any) -> Any:
    return _W(array, types.intp, types.float32), _comparison(ordered=False)


@inlined
def _either_bits(array: Any, start: Any, limit: Any, unknown: Any) -> Any:
    if unknown:
        return _bits_not_at_most(array, start, limit)
    return _bits_above(array, start, limit)


@checked(_either_bits)
def bits_above(array: Any, start: Any, limit: np.float32, unknown: bool) -> Any:
    """Compare 256 consecutive float32 with a limit: a bit says whether a value is greater.

    The bit of value i is bit i // 8 of the 32 bits i % 8: so it is that of its lane, and nothing
    has to be moved from lane to lane.

    Args:
        array: float32.
        start: The first of them.
        limit: The limit.
        unknown: The bit of a NaN.
    """
    check(array, start, COMPARED)
    return _either_bits(array, start, limit, unknown)
