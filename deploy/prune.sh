#!/bin/sh
# Takes from an environment what no process of ours loads: libraries' own tests, C++ headers, and
# Arrow's Flight (pyarrow imports it only where asked to).
#   prune.sh ENVIRONMENT
set -eu
packages=$(echo "$1"/lib/python3.*/site-packages)
find "$packages" -type d -name tests -prune -exec rm -rf {} +
rm -rf "$packages"/pyarrow/include "$packages"/pyarrow/libarrow_flight.so* \
    "$packages"/pyarrow/_flight.*
# What is left must load.
"$1"/bin/python -c 'import importlib.util as i; i.find_spec("pyarrow") and __import__("pyarrow.parquet")'
