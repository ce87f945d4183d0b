"""Numbers in a model's files that would lead outside of an array are found before they are used."""

import struct

import numpy as np
import pytest
import scipy.sparse as sp
from quintet_engine.arrays import load_matrix, save_arrays
from quintet_engine.engine import Engine
from quintet_engine.forest.files import load_forest, save_forest
from quintet_engine.forest.forest import Forest
from quintet_engine.index import FaissIndex
from quintet_engine.index_file import IndexFileInvalid, IndexLists, check_index_file
from quintet_engine.kernel.layout import Trees
from quintet_modelkit.publication import PublicationInvalid

from tests.fakes.bundle import publish_trained, sign_again


def unit(count: int, dimensions: int) -> np.ndarray:
    rows = np.random.default_rng(3).normal(size=(count, dimensions)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, tuple[bytes, int, int]]:
    """Each layout that is written, as bytes: Flat, lists of float32, lists of half precision."""
    folder = tmp_path_factory.mktemp("indices")
    made = {}
    for name, count, dimensions, limit in (
        ("flat", 40, 14, 100),
        ("lists", 400, 14, 100),
        ("half", 400, 40, 100),
    ):
        vectors = unit(count, dimensions)
        FaissIndex.build(vectors, seed=1, flat_limit=limit, depth=5).save(folder / name)
        made[name] = ((folder / name).read_bytes(), count, dimensions)
    return made


def checked(folder, data: bytes, count: int, dimensions: int) -> IndexLists | None:
    path = folder / "index.faiss"
    path.write_bytes(data)
    return check_index_file(path, count, dimensions)


def test_every_layout_that_is_written_passes(files, tmp_path):
    lists = [checked(tmp_path, *made) for made in files.values()]
    assert [None if each is None else each.is_half for each in lists] == [None, False, True]


@pytest.mark.parametrize("name", ["lists", "half"])
def test_the_vector_of_each_row_starts_where_the_file_has_it(files, tmp_path, name):
    data, count, dimensions = files[name]
    lists = checked(tmp_path, data, count, dimensions)
    assert lists is not None
    kind = np.float16 if lists.is_half else np.float32
    starts = lists.starts_of_rows().tolist()
    found = np.array([np.frombuffer(data, kind, dimensions, start) for start in starts])
    np.testing.assert_allclose(found, unit(count, dimensions), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", ["flat", "lists", "half"])
def test_an_index_cut_short_or_prolonged_anywhere_is_refused(files, tmp_path, name):
    sound, count, dimensions = files[name]
    # Each size near the ends of the file, where its fields are, and some between.
    sizes = {*range(120), *range(len(sound) - 60, len(sound) + 20), *range(0, len(sound), 97)}
    for size in sizes - {len(sound)}:
        changed = sound[:size] + b"\0" * (size - len(sound))
        with pytest.raises(IndexFileInvalid):
            checked(tmp_path, changed, count, dimensions)


@pytest.mark.parametrize("number", [0, -1, 2**31 - 1, 2**62])
@pytest.mark.parametrize("place", [4, 8, 33, 37, 45])
def test_a_changed_size_in_the_header_is_refused(files, tmp_path, place, number):
    sound, count, dimensions = files["lists"]
    changed = bytearray(sound)
    struct.pack_into("<q", changed, place, number)
    if place == 33 and number == 0:
        return  # metric 0 and what stands behind it: the same bytes
    if place == 45:
        # `nprobe` of the file is not used: the manifest has its own.
        assert checked(tmp_path, bytes(changed), count, dimensions)
        return
    with pytest.raises(IndexFileInvalid):
        checked(tmp_path, bytes(changed), count, dimensions)


def test_ids_of_rows_that_do_not_exist_are_refused(files, tmp_path):
    sound, count, dimensions = files["lists"]
    for number in (count, -1, 2**62):
        changed = sound[:-8] + struct.pack("<q", number)
        with pytest.raises(IndexFileInvalid, match="rows that do not exist"):
            checked(tmp_path, changed, count, dimensions)
    twice = sound[:-8] + sound[-16:-8]
    with pytest.raises(IndexFileInvalid, match="twice"):
        checked(tmp_path, twice, count, dimensions)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"nprobe": 0, "recall": 1},
        {"nprobe": -1, "recall": 1},
        {"nprobe": 10**9, "recall": 1},
        {"nprobe": "x", "recall": 1},
    ],
)
def test_an_nprobe_that_no_index_has_is_refused(files, tmp_path, facts):
    sound, count, dimensions = files["lists"]
    (tmp_path / "index.faiss").write_bytes(sound)
    with pytest.raises(ValueError, match="nprobe"):
        FaissIndex.load(tmp_path / "index.faiss", unit(count, dimensions), facts)


def matrix() -> sp.csr_matrix:
    return sp.random(8, 5, 0.5, format="csr", dtype=np.float32, random_state=1)


@pytest.mark.parametrize(
    ("part", "array"),
    [
        ("indices", np.full(20, 5, np.int32)),
        ("indices", np.full(20, -1, np.int32)),
        ("indices", np.full(20, 2**31 - 1, np.int32)),
        ("indices", np.zeros(20, np.float32)),
        ("indptr", np.array([0, 30, 2, 3, 4, 5, 6, 7, 20], np.int32)),
        ("indptr", np.array([0, -4, 2, 3, 4, 5, 6, 7, 20], np.int32)),
        ("indptr", np.zeros(0, np.int32)),
        ("data", np.zeros(19, np.float32)),
        ("shape", np.array([8, -5])),
        ("shape", np.array([2**40, 5])),
        ("shape", np.array([8])),
        ("shape", np.array(8)),
    ],
)
def test_a_sparse_matrix_whose_numbers_lead_outside_is_refused(tmp_path, part, array):
    save_arrays(tmp_path, {"m": matrix()})
    assert (load_matrix(tmp_path, "m") != matrix()).nnz == 0
    np.save(tmp_path / f"m.{part}.npy", array)
    with pytest.raises(ValueError, match="sparse matrix"):
        load_matrix(tmp_path, "m")


def forest() -> Forest:
    """One tree: is feature 0 at most 0? Two leaves."""
    trees = Trees(
        feature=np.array([0], np.int32), threshold=np.array([0], np.float32),
        unknown_right=np.array([0], np.uint8), starts=np.array([0, 3], np.int32),
        test=np.array([0, -1, -1], np.int32), right=np.array([2, -1, -1], np.int32),
        share=np.array([1, 0.5, 0.5], np.float32), prior=np.array([-1, -1, -1], np.int32),
        product=np.array([1, 0.5, 0.5], np.float32), leaf_starts=np.array([0, 2], np.int32),
        value=np.array([1.0, 2.0]), points=np.array([1], np.int32),
    )  # fmt: skip
    return Forest(3, trees, 1.5)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("feature", [3]),
        ("feature", [-1]),
        ("threshold", [0, 0]),
        ("starts", [0, 9]),
        ("starts", [0, 2]),
        ("starts", [0, 0]),
        ("leaf_starts", [0, 0]),
        ("leaf_starts", [0, 3]),
        ("value", [1, 2, 3]),
        ("test", [1, -1, -1]),
        ("test", [-2, -1, -1]),
        ("test", [-1, -1, -1]),
        ("test", [0, 0, -1]),
        ("right", [1, -1, -1]),
        ("right", [3, -1, -1]),
        ("right", [-1, -1, -1]),
        ("prior", [-1, -1, 2]),
        ("prior", [-2, -1, -1]),
        ("points", [0]),
        ("points", [33]),
    ],
)
def test_forest_files_that_lead_outside_are_refused(tmp_path, name, numbers):
    sound = forest()
    facts = save_forest(tmp_path, sound)
    assert load_forest(tmp_path, facts) is not None
    np.save(tmp_path / f"{name}.npy", np.array(numbers, getattr(sound.trees, name).dtype))
    with pytest.raises(ValueError, match="fit each other"):
        load_forest(tmp_path, facts)


@pytest.mark.parametrize("array", [np.zeros((1, 1), np.int32), np.zeros(1, np.int64)])
def test_forest_files_of_another_type_are_refused(tmp_path, array):
    facts = save_forest(tmp_path, forest())
    np.save(tmp_path / "feature.npy", array)
    with pytest.raises(ValueError, match="other types"):
        load_forest(tmp_path, facts)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("booster.txt", lambda data: data.replace(b"per_iteration=1", b"per_iteration=0")),
        ("booster.txt", lambda data: data[: len(data) // 2]),
        ("booster.txt", lambda data: b"\xff\xfe" + data),
        ("index.faiss", lambda data: data[:200]),
        ("collaborative/taste.faiss", lambda data: data[:-8]),
        ("collaborative/arrays/names.npy", lambda data: data[:-4] + struct.pack("<i", 10**6)),
        ("collaborative/arrays/holders.members.npy", lambda data: data[:-4] + b"\xff" * 4),
        ("collaborative/arrays/by_word.starts.npy", lambda data: data[:-4] + b"\xff" * 4),
        ("collaborative/arrays/words.members.npy", lambda data: data[:-4] + b"\xff" * 4),
        ("collaborative/arrays/clusters.npy", lambda data: data[:-2] + struct.pack("<h", 999)),
        ("collaborative/arrays/taste_places.npy", lambda data: data[:-4] + b"\xff" * 4),
        ("collaborative/arrays/artists.npy", lambda data: data[:-72]),
        ("collaborative/arrays/sound.npy", lambda data: data.replace(b"<f4", b"<i4")),
        ("collaborative/arrays/inverse.npy", lambda data: data.replace(b"<f4", b"<i4")),
        ("collaborative/content/rows.npy", lambda data: data[:-8] + struct.pack("<q", 240)),
        ("forest/feature.npy", lambda data: data[:-4] + struct.pack("<i", 10**6)),
        ("golden.json", lambda data: b"[" * 50_000),
        ("golden.json", lambda data: b'{"seeds": ["t001"], "tracks": 5}'),
    ],
)  # fmt: skip
def test_a_signed_bundle_with_a_hostile_file_is_invalid(tmp_path, name, change):
    folder = publish_trained(tmp_path)
    Engine.load(folder)
    path = folder / name
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(change(data))
    sign_again(folder, name)
    with pytest.raises(PublicationInvalid) as caught:
        Engine.load(folder)
    assert "\n" not in str(caught.value)
