"""The rules that gateway, services, engine, training and page share, in pure Python.

Import the modules: `attributes` has names, units and ranges, `limits` has counts and lengths,
`patterns` describes ids, `addresses` writes hosts and ports, `seeds` has what a recommendation
starts from and its checks.
"""
