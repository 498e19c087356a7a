"""When a text ends. Before this file: nothing. After it: each row is asked after each of its tokens, and says why.

Ends that the vocabulary has (a set of tokens), ends that the caller counts (lengths, seconds), ends that stand in the
text (strings, found across the borders of tokens), and ends that a function knows.
"""

import time

import numpy as np

from ..errors import GenerationError

NEVER = 1 << 60                                                     # tokens: longer than anything


class Stopping:
    """Asked after each token of a row, says why the row ends, or None.

        ends(x_1 .. x_t) = x_t in E  or  t - prompt = max_new_tokens  or  t = max_length  or  a stop string in the text

    config     GenerationConfig: lengths in tokens without pads, max_time in seconds from now
    tokenizer  gives the bytes of tokens, for stop strings; None without them
    criteria   functions (ids (1, T), scores (1, V)) -> truth, as transformers has them
    A stop string counts where its last byte comes from the newest token; it may begin in the prompt.
    Source: Wolf et al. 2019, arXiv:1910.03771.
    """

    def __init__(self, config, prompt_lengths, tokenizer=None, criteria=(), clock=time.monotonic):
        self.ends, self.strings = set(config.ends), config.stop_bytes
        self.longest = max(map(len, self.strings), default=0)
        self.tokenizer, self.criteria, self.clock = tokenizer, tuple(criteria), clock
        self.deadline = None if config.max_time is None else clock() + config.max_time
        self.prompt_lengths = lengths = np.asarray(prompt_lengths)
        limits = [np.full(len(lengths), NEVER)]
        limits += [] if config.max_length is None else [np.full(len(lengths), config.max_length)]
        limits += [] if config.max_new_tokens is None else [lengths + config.max_new_tokens]
        self.limits = np.min(limits, axis=0)                       # (R,) tokens of prompt and answer together

    def reason(self, row, ids, scores=None):
        """Why row `row`, now ids (T,), ends with its last token: "eos", "stop_string", "length", "time", "criterion".

        scores (V,) that the last token was chosen from
        """
        if int(ids[-1]) in self.ends:
            return "eos"
        if self.strings and self.found(ids) is not None:
            return "stop_string"
        if self.criteria and any(np.asarray(one(ids[None], None if scores is None else scores[None])).all()
                                 for one in self.criteria):
            return "criterion"
        if len(ids) >= self.limits[row]:
            return "length"
        if self.deadline is not None and self.clock() >= self.deadline:
            return "time"
        return None

    def found(self, ids):
        """How many bytes before the end of the text of ids (T,) a stop string begins that ends in the last token.

        Of several, the one that begins first; None: there is none
        """
        last = self.token_bytes(ids[-1])
        text, needed = last, len(last) + self.longest - 1
        for token in ids[-2::-1]:
            if len(text) >= needed:
                break
            text = self.token_bytes(token) + text
        places = [at for at in (text.find(one, max(0, len(text) - len(last) - len(one) + 1)) for one in self.strings)
                  if at >= 0]
        return len(text) - min(places) if places else None

    def token_bytes(self, token):
        """The bytes of a token; none for an id beyond the tokenizer's vocabulary, which a model's table may have."""
        return self.tokenizer.token_bytes(int(token)) if token < self.tokenizer.vocab_size else b""


def check_limits(config, prompt_lengths, criteria):
    """Raise GenerationError for a request that has no end in sight, or that ends before it begins.

        prompt + 1 <= max_length        one of max_new_tokens, max_length, max_time, criteria is there

    config GenerationConfig, prompt_lengths (B,) in tokens
    Source: as `Stopping`.
    """
    if config.max_new_tokens is None and config.max_length is None and config.max_time is None and not criteria:
        raise GenerationError("a text must end: pass max_new_tokens, max_length or max_time (in seconds)")
    longest = int(np.max(prompt_lengths))
    if config.max_length is not None and config.max_length <= longest:
        raise GenerationError(f"max_length counts the prompt's tokens too, and must be more; got max_length="
                              f"{config.max_length} for a prompt of {longest}")
