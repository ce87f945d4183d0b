"""Loads a bundle, and answers queries with it."""

from quintet_engine.engine.golden import GOLDEN_TIE_TOLERANCE as GOLDEN_TIE_TOLERANCE
from quintet_engine.engine.golden import GOLDEN_TIES as GOLDEN_TIES
from quintet_engine.engine.golden import GOLDEN_TOLERANCE as GOLDEN_TOLERANCE
from quintet_engine.engine.loading import BOOSTER_FILE as BOOSTER_FILE
from quintet_engine.engine.loading import COMPARED as COMPARED
from quintet_engine.engine.loading import INDEX_FILE as INDEX_FILE
from quintet_engine.engine.loading import Versions as Versions
from quintet_engine.engine.recommending import Arrangement as Arrangement
from quintet_engine.engine.recommending import Engine as Engine
from quintet_engine.engine.recommending import Stage as Stage
from quintet_engine.engine.scoring import standardised as standardised
