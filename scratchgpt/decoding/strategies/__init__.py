"""How the next tokens are found, a file for each way. Read in this order: greedy, sampling,
mirostat, contrastive, dola, guidance,
acceptance, speculation, assistant, prompt_lookup, lookahead, drafters,
length_penalty, hypotheses, continuations, beam_tree, beam_run, beam, diverse_beam, forced_words, constrained_beam.

Before this folder: `run`. After it: a strategy is a generator over a `Run`. It asks for scores, says tokens, and yields
after each step; everything else, such as padding, caches, ends and notes, is not its business.
"""

from .acceptance import draw, matching, speculative_sampling
from .assistant import Assistant, assistant_reader, first_layers
from .beam import Beam, SampledBeam, beam_search
from .beam_run import BeamRun
from .beam_tree import BeamStep, BeamTree, Leaf
from .continuations import best, drawn
from .constrained_beam import ConstrainedBeam, constrained_beam_search, in_turns
from .contrastive import contrastive_search, likeness
from .diverse_beam import avoid, diverse_beam_search
from .dola import DoLaReader, candidate_layers, contrast_layers, dola_reader, jensen_shannon
from .drafters import speculation_of
from .forced_words import ForcedWords, holds, progress
from .greedy import greedy, greedy_search
from .guidance import GuidedReader, guide, guided
from .hypotheses import Hypotheses, Text
from .length_penalty import length_penalty
from .lookahead import Lookahead
from .mirostat import mirostat_search, next_mu, surprise, surprise_cut, zipf_cut, zipf_exponent, zipf_k
from .prompt_lookup import PromptLookup, lookup
from .sampling import sample, sampling_search
from .speculation import allowance, assisted, fitting, met, read, verify
