"""Pictures: where each head looks, what comes next, and how the loss fell.

Before this folder: `views`. After it: the reader can look at a model. Read in this order: figure, attention, bars,
loss. Each function returns a matplotlib Figure; with `path`, the picture is also written, whole or not at all.
matplotlib is an extra, imported when the first picture is drawn: pip install "scratchgpt[cli]".
"""

from .attention import attention_maps
from .bars import next_tokens
from .loss import loss_curve
