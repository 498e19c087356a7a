"""What a trained model writes, for many texts at once.

Before this file: `pair_data`, `decoding`. After it: those of about one length are decoded together, and each gets what
it gets alone. With that a model can be judged without nats: by how many held-out pairs it completes exactly.
"""

import numpy as np

from ..decoding import generate
from ..errors import GenerationError
from .pair_data import by_length, rows

LONGEST = 100            # tokens that a translation may have
TOGETHER = 128           # texts that are decoded together


def translations(model, tokenizer, sources):
    """What an encoder-decoder makes of each source, the likeliest token after the other; a list of str.

    Raises GenerationError for an empty source.
    """
    config = model.config

    def write(texts):
        source = rows(texts, config.pad_token_id)
        start = np.full((len(source), 1), config.bos_token_id)
        new = generate(model.given(source), start, max_new_tokens=LONGEST, eos_token_id=config.eos_token_id,
                       pad_token_id=config.pad_token_id)[:, 1:]
        return [tokenizer.decode(ids, skip_special_tokens=True) for ids in new]
    return _written(write, [tokenizer.encode(source) for source in sources])


def answers(model, questions):
    """What `model.answer` says to each question; a list of str, in less time.

    Raises GenerationError for an empty question, or as `model.answer`.
    """
    return _written(model.answer_batch, questions)


def _written(write, texts):
    """The words that `write` finds for each of many texts, in their order, whatever is decoded together."""
    if not all(map(len, texts)):
        raise GenerationError("a text to translate or to answer must hold at least one token; got an empty one")
    written = [None] * len(texts)
    for chunk in by_length(texts, len, TOGETHER):
        for i, words in zip(chunk, write([texts[i] for i in chunk])):
            written[i] = words
    return written
