"""Pictures: where each head looks, what comes next and what is drawn of it, and how the loss fell.

Before this folder: `views`. After it: the reader can look at a model. Read in this order: figure, attention, bars,
temperatures, cuts, beams, loss. Each function returns a matplotlib Figure; with `path`, the picture is also written,
whole or not at all. matplotlib is an extra, imported when the first picture is drawn: pip install "scratchgpt[cli]".
"""

from .attention import attention_maps
from .bars import next_tokens
from .beams import beam_tree
from .cuts import probability_cuts
from .loss import loss_curve
from .temperatures import softmax_temperatures
