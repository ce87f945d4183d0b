"""Compiled code that answers a query, and the arrays that it reads and writes.

Every function that numba compiles is in this folder, and nothing here imports the rest of the
engine. So one fingerprint over these files says whether kept code is still that of the sources.

    compiling   how a function is compiled, for which processor, and where its code is kept
    warm        loads every kernel before the first request
    layout      the arrays
    signatures  their types, as numba names them
    numeric     small functions that several kernels share
    sums        inner products by vector instructions, in a stated order
    selecting   the best rows, and the union of several channels' rows
    playlists   the channels of a model that learned from playlists

Loading the compiler takes half a second and many commands never rank: code outside of this folder
imports a module with kernels within the function that needs it.
"""
