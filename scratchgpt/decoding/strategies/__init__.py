"""How the next tokens are found, a file for each way. Read in this order: greedy, sampling, mirostat, contrastive,
dola, guidance, and the folders beams, speculation.

Before this folder: `run`. After it: a strategy is a generator over a `Run`. It asks for scores, says tokens, and yields
after each step; everything else, such as padding, caches, ends and notes, is not its business.
"""

from .beams import beam_search, constrained_beam_search, diverse_beam_search
from .contrastive import contrastive_search, likeness
from .dola import DoLaReader, candidate_layers, contrast_layers, dola_reader, jensen_shannon
from .greedy import greedy, greedy_search
from .guidance import GuidedReader, guide, guided
from .mirostat import mirostat_search, next_mu, surprise, surprise_cut, zipf_cut, zipf_exponent, zipf_k
from .sampling import draw, sample, sampling_search
from .speculation import speculation_of
