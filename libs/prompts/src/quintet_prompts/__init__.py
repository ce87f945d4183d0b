"""Read a wish in words, in English or Korean, as a query for recommendations.

Data in, data out, without a model: `name_phrases` lists the phrases of a text that may be names, a
search over the catalogue resolves them, and `understand` reads the text with them.
"""

from quintet_prompts.meaning import meaning as meaning
from quintet_prompts.parts import CatalogueFacts as CatalogueFacts
from quintet_prompts.parts import Leftover as Leftover
from quintet_prompts.parts import NamedItem as NamedItem
from quintet_prompts.parts import Names as Names
from quintet_prompts.parts import Part as Part
from quintet_prompts.parts import Phrase as Phrase
from quintet_prompts.parts import Problem as Problem
from quintet_prompts.parts import Understanding as Understanding
from quintet_prompts.understanding import name_phrases as name_phrases
from quintet_prompts.understanding import understand as understand
