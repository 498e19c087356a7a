"""From scores to text. Read in this order: contradictions, config_file, generation_config, prompt, processors,
constraints, reader, stopping, run, strategies, searches, candidates, text, output, prepare, generate.

Before this folder: `cache`, `tokenizers`. After it: a model is asked for scores, processors reshape them, a strategy
chooses, and `generate` is the one door to all of it.
"""

from .constraints import WatermarkDetector
from .generate import generate, stream, stream_text
from .generation_config import GenerationConfig
from .output import GenerationOutput, sequence_logprob
from .strategies import greedy, sample
