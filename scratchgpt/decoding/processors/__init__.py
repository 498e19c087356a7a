"""Score processors: pure functions `(ids, scores) -> scores`, each made by a builder, as by `top_k(50)`.

ids (B, S) are all tokens so far, rows right-aligned, -1 where a shorter row has no token; scores (B, V) are of the next
token, in nats, -inf where it is impossible. A processor writes into neither and keeps the dtype of the scores; a row
gets what it would get alone. `order` makes the whole chain that a config asks for, `trace` tells what each link did.

Read in this order: arguments, rows, temperature, cuts, typical, xtc, penalties, dry, ngrams, bias, lengths, bans,
repair, chain, order, trace.
"""

from .bans import begin_suppress, forced_bos, forced_eos, prefix_allowed_tokens, suppress
from .bias import bad_words, sequence_bias
from .chain import Processor, apply
from .cuts import min_p, top_h, top_k, top_n_sigma, top_p
from .dry import dry
from .lengths import exponential_decay_length, min_length, min_new_tokens
from .ngrams import encoder_no_repeat_ngram, no_repeat_ngram
from .order import ORDERS, build
from .penalties import encoder_repetition_penalty, frequency_penalty, presence_penalty, repetition_penalty
from .repair import remove_invalid, renormalize
from .temperature import dynamic_temperature, temperature
from .trace import Change, Trace, traced
from .typical import epsilon_cutoff, eta_cutoff, typical_p
from .xtc import xtc
