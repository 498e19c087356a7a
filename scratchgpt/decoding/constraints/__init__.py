"""What may be said at all: constraints on text, and marks in it, as processors.

Before this package: `tokenizers`, which say what bytes a token stands for, and `processors`: ids (B, S)
with -1 where there is no token, scores (B, V) in nats. After it: the reader can build an automaton from a regular
expression and from a grammar, and let a model say nothing else. Reading order:

    expressions, utf8          what patterns are made of; characters as sequences of bytes
    pattern_reader             how their texts are read
    network, recogniser        from expressions to states; Earley's algorithm as an automaton over bytes
    regex, grammar, json_grammar    the three ways to describe a language
    trie, allowed_by           from an automaton over bytes to a mask over tokens
    token_healing              the prompt's last token, chosen anew
    green_lists, watermark     a bias that only its key can find, and the test that finds it
    from_config                what `generate` asks for
"""

from .allowed_by import allowed_by
from .from_config import constraints
from .grammar import grammar
from .json_grammar import JSON
from .recogniser import Recogniser
from .regex import regex
from .token_healing import heal, starts_with
from .watermark import WatermarkDetector, WatermarkDetectorOutput, watermark

__all__ = ["JSON", "Recogniser", "WatermarkDetector", "WatermarkDetectorOutput", "allowed_by", "constraints", "grammar",
           "heal", "regex", "starts_with", "watermark"]
