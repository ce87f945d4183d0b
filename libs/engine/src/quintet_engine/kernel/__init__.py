"""Compiled code that answers a query, and the arrays that it reads and writes.

Every function that numba compiles is in this folder, and nothing here imports the rest of the
engine. So a fingerprint of a module and of what it imports from here says whether its kept code is
still that of the sources.

    compiling   how a function is compiled, for which processor, and where its code is kept
    warm        loads every kernel before the first request
    layout      the arrays
    signatures  their types, as numba names them
    numeric     small functions that several kernels share
    sums        inner products by vector instructions, in a stated order
    lanes       several numbers that one instruction works on
    tiles       eight candidates side by side
    selecting   the best rows, and the union of several channels' rows
    excluding   releases and versions of a query's seeds
    playlists   the channels of a model that learned from playlists
    reasons     the facts that explain the tracks of a list
    reasons_json  their JSON
    audio_features, learned_features, sound_features   the feature matrix
    alike       near-duplicate playlists
    trees       scores and their explanation

Loading the compiler takes half a second and many commands never rank: code outside of this folder
imports a module with kernels within the function that needs it.
"""
