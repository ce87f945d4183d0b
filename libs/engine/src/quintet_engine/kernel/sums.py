"""Sums by vector instructions, in a stated order.

A compiler may not reorder a sum of floats, so it adds one number after the other; and with leave to
reorder it would choose an order by the processor. Here the order is written down: lane k of eight
adds the elements k, k + 8, k + 16, …; then ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7)); then what
remains, one after the other. It is the same on every processor, and no product is fused.
"""

from collections.abc import Callable
from typing import Any, Final, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils as _cgutils
from numba.extending import intrinsic

from quintet_engine.kernel.compiling import BASELINE, config, inlined
from quintet_engine.kernel.lanes import check, checked, fetch_line

# numba has no types for what we use of it; it passes an intrinsic its first argument itself.
cgutils: Any = _cgutils
_intrinsic: Callable[[Any], Callable[..., Any]] = cast(Any, intrinsic)

_LANES: Final = 8
_INDEX: Final = ir.IntType(64)
_FLOAT: Final = ir.FloatType()
_WORD: Final = ir.IntType(32)
_VECTOR: Final = ir.VectorType(_FLOAT, _LANES)
_WORDS: Final = ir.VectorType(_WORD, _LANES)
_HALF: Final = ir.IntType(16)
_HALVES: Final = ir.VectorType(_HALF, _LANES)
_QUAD: Final = ir.VectorType(_FLOAT, 4)


class _Code:
    """Writes the instructions of one function.

    Args:
        context: numba's code generator.
        builder: LLVM's.
        signature: The function's.
        arguments: Their values.
    """

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self._context, self.builder = context, builder
        self._types, self._values = signature.args, arguments

    def number(self, place: int) -> Any:
        """Take an argument that is a number."""
        return self._values[place]

    def is_signed(self, place: int) -> bool:
        """Check whether an argument is an array of signed numbers."""
        return bool(self._types[place].dtype.signed)

    def data(self, place: int) -> Any:
        """Take the address of an array's first element."""
        array = self._context.make_array(self._types[place])
        return array(self._context, self.builder, self._values[place]).data

    def vector(self, address: Any, place: Any, kind: Any) -> Any:
        """Locate a vector of elements from a place on."""
        return self.builder.bitcast(self.builder.gep(address, [place]), kind.as_pointer())

    def load(self, address: Any, place: Any, kind: Any) -> Any:
        """Read elements from a place on, which need not be a multiple of the vector's size."""
        return self.builder.load(self.vector(address, place, kind), align=4)

    def from_bytes(self, address: Any, byte: Any, kind: Any) -> Any:
        """Read a value of a file from a byte on, which may be any."""
        build = self.builder
        return build.load(build.bitcast(build.gep(address, [byte]), kind.as_pointer()), align=1)

    def wide(self, value: Any) -> Any:
        """Repeat a float32 in all lanes."""
        lanes = _all(_VECTOR, 0.0)
        for lane in range(_LANES):
            lanes = self.builder.insert_element(lanes, value, _WORD(lane))
        return lanes

    def halves(self, bits: Any) -> Any:
        """Convert eight float16, as bits, neither infinite nor NaN, to float32, exactly.

        The 10 bits of the fraction and the 5 of the exponent move to their places in a float32,
        whose exponent counts from 127 and not 15: a product with 2¹¹² corrects that, also for
        subnormals.
        """
        build = self.builder
        if config.CPU_NAME == BASELINE:  # it has an instruction for it
            half = ir.VectorType(ir.HalfType(), _LANES)
            return build.fpext(build.bitcast(bits, half), _VECTOR)
        wide = build.zext(bits, _WORDS)
        size = build.shl(build.and_(wide, _all(_WORDS, 0x7FFF)), _all(_WORDS, 13))
        scaled = build.fmul(build.bitcast(size, _VECTOR), _all(_VECTOR, 2.0**112))
        sign = build.shl(build.and_(wide, _all(_WORDS, 0x8000)), _all(_WORDS, 16))
        return build.bitcast(build.or_(build.bitcast(scaled, _WORDS), sign), _VECTOR)

    def half(self, bits: Any) -> Any:
        """Convert one float16, as bits, to float32."""
        build = self.builder
        wide = build.zext(bits, _WORD)
        size = build.shl(build.and_(wide, _WORD(0x7FFF)), _WORD(13))
        scaled = build.fmul(build.bitcast(size, _FLOAT), _FLOAT(2.0**112))
        sign = build.shl(build.and_(wide, _WORD(0x8000)), _WORD(16))
        return build.bitcast(build.or_(build.bitcast(scaled, _WORD), sign), _FLOAT)

    def added(self, lanes: Any) -> Any:
        """Add eight lanes in the stated order."""
        build = self.builder
        lane = [build.extract_element(lanes, _WORD(place)) for place in range(_LANES)]
        four = [build.fadd(lane[place], lane[place + 4]) for place in range(4)]
        return build.fadd(build.fadd(four[0], four[2]), build.fadd(four[1], four[3]))


def _all(kind: Any, value: Any) -> Any:
    return ir.Constant(kind, [value] * kind.count)


@_intrinsic
def _dot_product(_typing: Any, first: Any, begin: Any, second: Any, other: Any, size: Any) -> Any:
    def generate(*parts: Any) -> Any:
        code = _Code(*parts)
        build, left, right = code.builder, code.data(0), code.data(2)
        start, place_of_other, count = code.number(1), code.number(3), code.number(4)
        lanes = cgutils.alloca_once_value(build, _all(_VECTOR, 0.0))
        eights = build.lshr(count, _INDEX(3))
        with cgutils.for_range(build, eights) as loop:
            place = build.shl(loop.index, _INDEX(3))
            values = code.load(left, build.add(start, place), _VECTOR)
            factors = code.load(right, build.add(place_of_other, place), _VECTOR)
            build.store(build.fadd(build.load(lanes), build.fmul(values, factors)), lanes)
        total = cgutils.alloca_once_value(build, code.added(build.load(lanes)))
        rest = (build.shl(eights, _INDEX(3)), count, _INDEX(1))
        with cgutils.for_range_slice(build, *rest) as (place, _):
            value = build.load(build.gep(left, [build.add(start, place)]))
            factor = build.load(build.gep(right, [build.add(place_of_other, place)]))
            build.store(build.fadd(build.load(total), build.fmul(value, factor)), total)
        return build.load(total)

    return types.float32(first, types.int64, second, types.int64, types.int64), generate


@_intrinsic
def _halves_to_floats(
    _typing: Any, pages: Any, begin: Any, result: Any, first: Any, size: Any
) -> Any:

    def generate(*parts: Any) -> Any:
        code = _Code(*parts)
        build, source, target = code.builder, code.data(0), code.data(2)
        start, offset, count = code.number(1), code.number(3), code.number(4)
        eights = build.lshr(count, _INDEX(3))
        with cgutils.for_range(build, eights) as loop:
            place = build.shl(loop.index, _INDEX(3))
            byte = build.add(start, build.shl(place, _INDEX(1)))
            values = code.halves(code.from_bytes(source, byte, _HALVES))
            where = build.add(offset, place)
            build.store(values, code.vector(target, where, _VECTOR), align=4)
        with cgutils.for_range_slice(build, build.shl(eights, _INDEX(3)), count, _INDEX(1)) as at:
            byte = build.add(start, build.shl(at[0], _INDEX(1)))
            value = code.half(code.from_bytes(source, byte, _HALF))
            build.store(value, build.gep(target, [build.add(offset, at[0])]))
        return count

    signature = types.int64(pages, types.int64, result, types.int64, types.int64)
    return signature, generate


def _dot_of_bytes(code: _Code, width: int, read: Any, read_one: Any) -> Any:
    """Write the inner product of coordinates in a file, of so many bytes each, and a vector."""
    build, pages, vector = code.builder, code.data(0), code.data(2)
    start, count, shift = code.number(1), code.number(3), _INDEX(width.bit_length() - 1)
    lanes = cgutils.alloca_once_value(build, _all(_VECTOR, 0.0))
    eights = build.lshr(count, _INDEX(3))
    with cgutils.for_range(build, eights) as loop:
        place = build.shl(loop.index, _INDEX(3))
        values = read(pages, build.add(start, build.shl(place, shift)))
        product = build.fmul(values, code.load(vector, place, _VECTOR))
        build.store(build.fadd(build.load(lanes), product), lanes)
    total = cgutils.alloca_once_value(build, code.added(build.load(lanes)))
    rest = (build.shl(eights, _INDEX(3)), count, _INDEX(1))
    with cgutils.for_range_slice(build, *rest) as (place, _):
        value = read_one(pages, build.add(start, build.shl(place, shift)))
        product = build.fmul(value, build.load(build.gep(vector, [place])))
        build.store(build.fadd(build.load(total), product), total)
    return build.load(total)


@_intrinsic
def _dot_of_floats(_typing: Any, pages: Any, begin: Any, vector: Any, size: Any) -> Any:
    def generate(*parts: Any) -> Any:
        code = _Code(*parts)

        def read(address: Any, byte: Any) -> Any:
            return code.from_bytes(address, byte, _VECTOR)

        def read_one(address: Any, byte: Any) -> Any:
            return code.from_bytes(address, byte, _FLOAT)

        return _dot_of_bytes(code, 4, read, read_one)

    return types.float32(pages, types.int64, vector, types.int64), generate


@_intrinsic
def _dot_of_halves(_typing: Any, pages: Any, begin: Any, vector: Any, size: Any) -> Any:
    def generate(*parts: Any) -> Any:
        code = _Code(*parts)

        def read(address: Any, byte: Any) -> Any:
            return code.halves(code.from_bytes(address, byte, _HALVES))

        def read_one(address: Any, byte: Any) -> Any:
            return code.half(code.from_bytes(address, byte, _HALF))

        return _dot_of_bytes(code, 2, read, read_one)

    return types.float32(pages, types.int64, vector, types.int64), generate


@_intrinsic
def _number_at(_typing: Any, pages: Any, begin: Any) -> Any:
    def generate(*parts: Any) -> Any:
        code = _Code(*parts)
        return code.from_bytes(code.data(0), code.number(1), _INDEX)

    return types.int64(pages, types.int64), generate


_ROWS: Final = 4
# How many numbers further the table is asked for: a processor does not foresee that a row begins.
_AHEAD: Final = 256


@_intrinsic
def _dots_and_add(
    _typing: Any,
    table: Any,
    begins: Any,
    second: Any,
    size: Any,
    factors: Any,
    result: Any,
    dots: Any,
) -> Any:

    def generate(*parts: Any) -> Any:
        code = _Code(*parts)
        build, rows, vector, sums = code.builder, code.data(0), code.data(2), code.data(5)
        count, places, products = code.number(3), code.data(1), code.data(6)
        each_row = range(_ROWS)
        starts = [build.load(build.gep(places, [_INDEX(row)])) for row in each_row]
        scales = [build.load(build.gep(code.data(4), [_INDEX(row)])) for row in each_row]
        lanes = [cgutils.alloca_once_value(build, _all(_VECTOR, 0.0)) for _ in each_row]
        wide = [code.wide(scale) for scale in scales]
        eights = build.lshr(count, _INDEX(3))
        with cgutils.for_range(build, eights) as loop:
            place = build.shl(loop.index, _INDEX(3))
            factor, kept = code.load(vector, place, _VECTOR), code.vector(sums, place, _VECTOR)
            more = build.load(kept, align=4)
            for row in each_row:
                at = build.add(starts[row], place)
                fetch_line(build, build.gep(rows, [build.add(at, _INDEX(_AHEAD))]))
                values = code.load(rows, at, _VECTOR)
                product = build.fmul(values, factor)
                build.store(build.fadd(build.load(lanes[row]), product), lanes[row])
                more = build.fadd(more, build.fmul(values, wide[row]))
            build.store(more, kept, align=4)
        totals = [
            cgutils.alloca_once_value(build, code.added(build.load(lanes[row]))) for row in each_row
        ]
        rest = (build.shl(eights, _INDEX(3)), count, _INDEX(1))
        with cgutils.for_range_slice(build, *rest) as (place, _):
            factor, target = build.load(build.gep(vector, [place])), build.gep(sums, [place])
            more = build.load(target)
            for row in each_row:
                value = build.load(build.gep(rows, [build.add(starts[row], place)]))
                product = build.fmul(value, factor)
                build.store(build.fadd(build.load(totals[row]), product), totals[row])
                more = build.fadd(more, build.fmul(value, scales[row]))
            build.store(more, target)
        for row in each_row:
            build.store(build.load(totals[row]), build.gep(products, [_INDEX(row)]))
        return count

    signature = types.int64(table, begins, second, types.int64, factors, result, dots)
    return signature, generate


_TURNS: Final = 4


def _sum_of_rows(code: _Code, places: dict[str, int]) -> Any:
    """Write the sum of rows of four float32 of a table into a row of `result`.

    Args:
        code: The function.
        places: Which argument is which: `values` only if rows have one each.
    """
    build, numbers = code.builder, code.data(places["members"])
    factors = code.data(places["values"]) if "values" in places else None
    start, stop = code.number(places["begin"]), code.number(places["end"])
    rows, sums = code.data(places["table"]), code.data(places["result"])
    totals = [cgutils.alloca_once_value(build, _all(_QUAD, 0.0)) for _ in range(_TURNS)]
    extend = build.sext if code.is_signed(places["members"]) else build.zext

    def add(place: Any, total: Any) -> None:
        number = extend(build.load(build.gep(numbers, [place])), _INDEX)
        value = code.load(rows, build.shl(number, _INDEX(2)), _QUAD)
        if factors is not None:
            factor, wide = build.load(build.gep(factors, [place])), _all(_QUAD, 0.0)
            for lane in range(4):
                wide = build.insert_element(wide, factor, _WORD(lane))
            value = build.fmul(value, wide)
        build.store(build.fadd(build.load(total), value), total)

    shift = _INDEX(_TURNS.bit_length() - 1)
    turns = build.lshr(build.sub(stop, start), shift)
    with cgutils.for_range(build, turns) as loop:
        place = build.add(start, build.shl(loop.index, shift))
        for turn, total in enumerate(totals):
            add(build.add(place, _INDEX(turn)), total)
    rest = build.add(start, build.shl(turns, shift))
    with cgutils.for_range_slice(build, rest, stop, _INDEX(1)) as (place, _):
        add(place, totals[0])
    pairs = [build.fadd(build.load(totals[k]), build.load(totals[k + 2])) for k in range(2)]
    target = code.vector(sums, build.shl(code.number(places["row"]), _INDEX(2)), _QUAD)
    build.store(build.fadd(*pairs), target, align=4)
    return code.number(places["row"])


@_intrinsic
def _weighted_sum(
    _typing: Any, members: Any, values: Any, begin: Any, end: Any, table: Any, result: Any, row: Any
) -> Any:
    names = ("members", "values", "begin", "end", "table", "result", "row")

    def generate(*parts: Any) -> Any:
        return _sum_of_rows(_Code(*parts), {name: place for place, name in enumerate(names)})

    signature = types.int64(members, values, types.int64, types.int64, table, result, types.int64)
    return signature, generate


@_intrinsic
def _plain_sum(
    _typing: Any, members: Any, begin: Any, end: Any, table: Any, result: Any, row: Any
) -> Any:
    names = ("members", "begin", "end", "table", "result", "row")

    def generate(*parts: Any) -> Any:
        return _sum_of_rows(_Code(*parts), {name: place for place, name in enumerate(names)})

    signature = types.int64(members, types.int64, types.int64, table, result, types.int64)
    return signature, generate


@inlined
def check_rows(members: Any, begin: Any, end: Any, table: Any) -> None:
    """Check that some entries of a list exist and are rows of a table."""
    check(members, begin, end - begin)
    for each in range(begin, end):
        if members[each] < 0 or members[each] >= len(table):
            raise IndexError("a list names a row beyond the last")


@checked(_dot_product)
def dot(first: Any, begin: Any, second: Any, other: Any, size: Any) -> Any:
    """Compute the inner product of `size` float32 of two arrays, from a place of each on.

    Places count the elements of the whole array, whatever its shape: it must be contiguous.
    """
    check(first, begin, size)
    check(second, other, size)
    return _dot_product(first, begin, second, other, size)


@checked(_halves_to_floats)
def halves_to_floats(pages: Any, begin: Any, result: Any, first: Any, size: Any) -> Any:
    """Write `size` float16, which stand in a file from a byte on, as float32 from `first` on.

    Args:
        pages: uint8, the file.
        begin: The byte.
        result: float32.
        first: A place of it.
        size: How many.
    """
    check(pages, begin, 2 * size)
    check(result, first, size)
    return _halves_to_floats(pages, begin, result, first, size)


@checked(_dot_of_floats)
def dot_of_floats(pages: Any, begin: Any, vector: Any, size: Any) -> Any:
    """Compute the inner product of `size` float32, in a file from a byte on, and a vector."""
    check(pages, begin, 4 * size)
    check(vector, 0, size)
    return _dot_of_floats(pages, begin, vector, size)


@checked(_dot_of_halves)
def dot_of_halves(pages: Any, begin: Any, vector: Any, size: Any) -> Any:
    """Compute the inner product of `size` float16, in a file from a byte on, and a vector."""
    check(pages, begin, 2 * size)
    check(vector, 0, size)
    return _dot_of_halves(pages, begin, vector, size)


@checked(_number_at)
def number_at(pages: Any, begin: Any) -> Any:
    """Read the int64 that stands in a file from a byte on."""
    check(pages, begin, 8)
    return _number_at(pages, begin)


@checked(_dots_and_add)
def dots_and_add(
    table: Any, begins: Any, second: Any, size: Any, factors: Any, result: Any, dots: Any
) -> Any:
    """Compute the inner products of four rows with a vector, and add the rows to another vector.

    It reads rows of a symmetric matrix once, for both of its triangles, and the vectors once for
    four rows. Each inner product is that of `dot`; the rows are added one after the other.

    Args:
        table: float32, holds the rows.
        begins: int64 (4,), where the rows start.
        second: float32 (≥ size,), the vector.
        size: The length of each row.
        factors: float32 (4,), what each row is multiplied with before it is added.
        result: float32 (≥ size,), added to.
        dots: float32 (4,), overwritten with the inner products.
    """
    for each in range(4):
        check(table, begins[each], size)
    check(begins, 0, 4)
    check(second, 0, size)
    check(factors, 0, 4)
    check(result, 0, size)
    check(dots, 0, 4)
    return _dots_and_add(table, begins, second, size, factors, result, dots)


@checked(_weighted_sum)
def sum_of_rows(
    members: Any, values: Any, begin: Any, end: Any, table: Any, result: Any, row: Any
) -> Any:
    """Sum rows of four float32, each by its value, into a row of `result`.

    Entry k adds to sum k mod 4, so that four additions run at a time; what remains adds to sum 0;
    then (0 + 2) + (1 + 3).

    Args:
        members: int32, row numbers of `table`.
        values: float32, one per member.
        begin: The first entry.
        end: The one after the last.
        table: float32 (p, 4).
        result: float32 (k, 4).
        row: The row that is written.
    """
    check_rows(members, begin, end, table)
    check(values, begin, end - begin)
    check(result, row * result.shape[1], result.shape[1])
    return _weighted_sum(members, values, begin, end, table, result, row)


@checked(_plain_sum)
def plain_sum_of_rows(members: Any, begin: Any, end: Any, table: Any, result: Any, row: Any) -> Any:
    """Do as `sum_of_rows`, each row with value 1; members may be uint16."""
    check_rows(members, begin, end, table)
    check(result, row * result.shape[1], result.shape[1])
    return _plain_sum(members, begin, end, table, result, row)
