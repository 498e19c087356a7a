"""What attention remembers between tokens: the keys and values of the past.

Before this folder: `formulas.attention`. After it: why generating a token costs one token's work and not the whole
text's. Keys and values of the past never change in a causal model, so they are kept; the past is a constant, and no
gradient flows into it. A source that is translated never changes either.

Read in this order: rows, growing, static, sliding, quantized, kinds, key_value, encoder_decoder.
"""

from .encoder_decoder import EncoderDecoderCache
from .growing import LayerCache
from .key_value import KVCache
from .kinds import layer_caches
from .quantized import QuantizedLayerCache
from .rows import check_ends, check_rows
from .sliding import SLACK, SlidingLayerCache
from .static import StaticLayerCache
