"""The formulas: pure functions of arrays, each beside its hand-written backward twin.

Read in this order: linear, embedding, error_function, activations, softmax, losses, norms, attention, flash_attention,
positions, rotary, dropout, number_formats.
"""

from .activations import (gelu, gelu_backward, gelu_tanh, gelu_tanh_backward, relu, relu_backward, sigmoid,
                          sigmoid_backward, silu, silu_backward, swiglu, swiglu_backward)
from .attention import attention, attention_backward, causal_mask, padding_mask
from .dropout import dropout, dropout_backward, dropout_mask
from .embedding import add_rows, embedding, embedding_backward
from .error_function import erf, erf_backward
from .flash_attention import causal_attention, causal_attention_backward
from .linear import (linear, linear_backward, linear_input_gradient, linear_weight_gradient, rows, sum_rows)
from .losses import cross_entropy, cross_entropy_backward
from .norms import (batch_norm, batch_norm_backward, layer_norm, layer_norm_backward, rms_norm, rms_norm_backward)
from .number_formats import (Packed, bfloat16_to_float32, float8_e4m3fn_to_float32, float8_e5m2_to_float32,
                             float32_to_bfloat16)
from .positions import sinusoidal_positions, token_positions
from .rotary import (dynamic_frequencies, linear_frequencies, llama3_frequencies, rotary_frequencies, rotate,
                     rotate_backward, rotation, yarn_attention_factor, yarn_frequencies)
from .softmax import log_softmax, log_softmax_backward, softmax, softmax_backward
