"""From gradients to better weights. Read in this order: optimizer, sgd, adam, clip, schedule."""

from .adam import Adam, AdamW
from .clip import clip_grad_norm, grad_norm
from .optimizer import Optimizer, decays_matrices
from .schedule import SCHEDULES, constant, cosine, inverse_sqrt, linear, warmup_stable_decay
from .sgd import SGD
