"""From scores to text. Read in this order: greedy, sampling, filters, generate."""

from .filters import temperature, top_k, top_p
from .generate import generate, stream
from .greedy import greedy
from .sampling import sample
