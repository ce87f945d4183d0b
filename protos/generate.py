"""Generate the Python stubs in gen/ from the .proto files; equal input gives equal output."""

import shutil
import sys
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent
GEN = ROOT / "gen"


def main() -> int:
    """Write gen/quintet; the result is protoc's exit code."""
    shutil.rmtree(GEN / "quintet", ignore_errors=True)
    GEN.mkdir(exist_ok=True)
    sources = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "quintet").rglob("*.proto"))
    outputs = [f"--{kind}_out={GEN}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    includes = [f"-I{ROOT}", f"-I{Path(protoc.__file__).parent / '_proto'}"]
    code = protoc.main(["protoc", *includes, *outputs, *sources])
    # protoc writes no __init__.py; without one, an installed package would not be found.
    packages = {path.parent for path in GEN.rglob("*_pb2.py")}
    for package in {parent for leaf in packages for parent in (leaf, *leaf.parents)}:
        if GEN in package.parents:
            (package / "__init__.py").write_text("", encoding="utf-8")
    (GEN / "quintet" / "py.typed").write_text("", encoding="utf-8")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
