"""Several tokens for one pass of the model: they are guessed, read at once, and kept as far as they are right.

Before this folder: `greedy`, `sampling`. After it: who guesses does not matter to the answer, only to its speed. Read
in this order: acceptance, verification, assistant, prompt_lookup, lookahead, drafters.
"""

from .acceptance import matching, speculative_sampling
from .assistant import Assistant, assistant_reader, first_layers
from .drafters import speculation_of
from .lookahead import Lookahead
from .prompt_lookup import PromptLookup, lookup
from .verification import allowance, assisted, fitting, verify
