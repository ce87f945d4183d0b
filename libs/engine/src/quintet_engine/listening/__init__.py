"""What a listener's memory does to a ranking: features of (candidate, listener), and the rule."""

from quintet_engine.listening.features import NAMES as NAMES
from quintet_engine.listening.features import PairFeatures as PairFeatures
from quintet_engine.listening.features import pair_features as pair_features
from quintet_engine.listening.pull import PARTS as PARTS
from quintet_engine.listening.pull import pulls_of as pulls_of
from quintet_engine.listening.view import ListenerView as ListenerView
