"""From scores to text. Read in this order: greedy, sampling, filters, generate, generation_config."""

from .filters import temperature, top_k, top_p
from .generate import generate, stream
from .generation_config import GenerationConfig
from .greedy import greedy
from .sampling import sample
