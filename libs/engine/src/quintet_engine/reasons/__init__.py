"""Explains tracks: facts first, each about the seed that it is true of; then one sentence."""

from quintet_engine.reasons.adjustments import Adjustment as Adjustment
from quintet_engine.reasons.adjustments import pulled as pulled
from quintet_engine.reasons.explanation import Ranked as Ranked
from quintet_engine.reasons.explanation import explain as explain
