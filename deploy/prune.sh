#!/bin/sh
# Takes from an environment what no process of ours loads: libraries' own tests, C++ headers, Cython
# sources, Arrow's Flight and S3 (pyarrow imports them only where asked to), second names of libraries,
# which a wheel holds as copies, and the symbols of those with many.
#   prune.sh ENVIRONMENT
set -eu
packages=$(echo "$1"/lib/python3.*/site-packages)
find "$packages" -type d -name tests -prune -exec rm -rf {} +
arrow=$packages/pyarrow
rm -rf "$arrow"/include "$arrow"/*.pyx "$arrow"/*.pxi "$arrow"/*.pxd "$arrow"/libarrow_s3.so* "$arrow"/_s3fs.* \
    "$arrow"/libarrow_flight.so* "$arrow"/libarrow_python_flight.so* "$arrow"/_flight.* \
    "$arrow"/libarrow_python*.so "$arrow"/libarrow_python*.so.*.*
for library in "$packages"/llvmlite/binding/libllvmlite.so "$arrow"/libarrow.so.* "$packages"/uvloop/loop.*.so \
    "$packages"/tantivy/tantivy.*.so "$packages"/cryptography/hazmat/bindings/_rust.*.so; do
    if [ -f "$library" ]; then strip --strip-unneeded "$library"; fi
done
# What is left must load.
"$1"/bin/python - <<'PYTHON'
from importlib import import_module, util

for name in (
    "pyarrow.parquet",
    "pyarrow.dataset",
    "llvmlite.binding",
    "uvloop",
    "tantivy",
    "cryptography.hazmat.bindings._rust",
):
    if util.find_spec(name.partition(".")[0]):
        import_module(name)
PYTHON
