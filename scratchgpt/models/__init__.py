"""The architectures, one file each. Read in this order: language_model, bigram, gpt2."""

from .bigram import BigramConfig, BigramLM
from .gpt2 import GPT2, GPT2Config
from .language_model import LanguageModel
