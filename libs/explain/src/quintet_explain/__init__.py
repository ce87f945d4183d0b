"""Why a track is recommended: facts, and one sentence made of them in English or Korean.

The ranker computes the facts and writes the sentence. The page has the same facts, so it can write
the sentence again when the listener changes the language.
"""

from quintet_explain.facts import CLOSE_COSINE as CLOSE_COSINE
from quintet_explain.facts import Fact as Fact
from quintet_explain.facts import Kind as Kind
from quintet_explain.facts import Reference as Reference
from quintet_explain.facts import ReferenceKind as ReferenceKind
from quintet_explain.facts import Relation as Relation
from quintet_explain.genres import genre_name as genre_name
from quintet_explain.genres import genre_names as genre_names
from quintet_explain.sentences import DEFAULT_LANGUAGE as DEFAULT_LANGUAGE
from quintet_explain.sentences import LANGUAGES as LANGUAGES
from quintet_explain.sentences import Name as Name
from quintet_explain.sentences import fact_sentence as fact_sentence
from quintet_explain.sentences import novelty_sentence as novelty_sentence
from quintet_explain.sentences import sentence_of as sentence_of
from quintet_explain.transitions import StepFact as StepFact
from quintet_explain.transitions import StepKind as StepKind
from quintet_explain.transitions import StepRelation as StepRelation
from quintet_explain.transitions import transition_sentence as transition_sentence
