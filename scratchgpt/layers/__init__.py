"""The layers: modules made of formulas.

Read in this order: linear, embedding, activation, norm, dropout, mlp, attention, block, checkpoint.
"""

from .activation import ACTIVATIONS, GELU, GELUTanh, ReLU, SiLU
from .attention import FusedProjections, MultiHeadAttention, SeparateProjections
from .block import Block, PostNormBlock
from .checkpoint import Checkpoint
from .dropout import Dropout
from .embedding import Embedding, LearnedPositions, SinusoidalPositions
from .linear import Linear
from .mlp import MLP
from .norm import BatchNorm, LayerNorm, RMSNorm
