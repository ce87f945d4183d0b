"""A LightGBM booster as arrays, evaluated by compiled loops in a tenth of LightGBM's time.

Scores follow QuickScorer (Lucchese et al., SIGIR 2015): a tree is a list of tests, each with the
set of leaves that remain reachable if it fails; the first leaf of the intersection is the exit.
One instruction runs a test on many rows, and no branch is mispredicted. Leaf values are added in
LightGBM's order and precision, so scores are equal to the last bit.

Contributions are the Shapley values of LightGBM's `pred_contrib` (path-dependent TreeSHAP,
Lundberg et al., 2018), to seven digits. Along a path with d different features a Shapley weight is
a beta integral, |S|! (d - 1 - |S|)! / d! = ∫ t^|S| (1 - t)^(d - 1 - |S|) dt. So the sum over all
subsets is the integral of one product, a polynomial of degree d - 1, which Gauss-Legendre
quadrature with d / 2 points gives exactly, for many rows at once by one instruction.

    parsing   LightGBM's description → arrays
    layout    what the arrays mean
    kernels   the compiled loops over them
    forest    scores and contributions
    files     the arrays in a bundle
"""

from quintet_engine.forest.forest import Forest as Forest
from quintet_engine.forest.forest import compiled as compiled
from quintet_engine.forest.layout import ForestUnsupported as ForestUnsupported
