"""The layers: modules made of formulas.

Read in this order: linear, embedding, activation, softmax, loss, norm, dropout, mlp, projections, rotary,
dot_product, attention, block, checkpoint.
"""

from .activation import ACTIVATIONS, GELU, GELUTanh, ReLU, SiLU
from .attention import MultiHeadAttention
from .block import Block, DecoderBlock, PostNormBlock
from .checkpoint import Checkpoint
from .dot_product import ScaledDotProductAttention
from .dropout import Dropout
from .embedding import Embedding, LearnedPositions, SinusoidalPositions
from .linear import Linear
from .loss import CrossEntropy
from .mlp import MLP, GatedMLP
from .norm import BatchNorm, LayerNorm, RMSNorm
from .projections import FusedProjections, NormedProjections, SeparateProjections
from .rotary import RotaryPositions
from .softmax import LogSoftmax, Softmax
