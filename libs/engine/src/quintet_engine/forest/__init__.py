"""A LightGBM booster as arrays, evaluated by compiled loops in a tenth of LightGBM's time.

parsing   LightGBM's description → arrays (`kernel.layout.Trees`)
layout    what a booster must be
forest    scores and contributions, by `kernel.trees`
files     the arrays in a bundle
"""

from quintet_engine.forest.forest import Forest as Forest
from quintet_engine.forest.layout import ForestUnsupported as ForestUnsupported
