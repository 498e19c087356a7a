"""Token healing: the last token of a prompt is chosen anew, together with what follows it.

Before this file: `allowed_by`. After it: the reader knows why a prompt that ends in "http:" is rarely continued by
"//": in training the two were one token, "://", and ":" stood alone only where no "//" came. So the last token goes,
and the model chooses among the tokens that begin with its bytes.
"""

import numpy as np

from ...errors import GenerationError
from ..processors.arguments import check_known, row_counts
from ..processors.rows import per_row
from .allowed_by import generated
from .trie import vocabulary_of


def heal(ids, tokenizer):
    """Take the last token off a prompt.

        healed = (x_1, .., x_{T-1})        prefix = bytes(x_T)

    ids        (T,) of one row; -1, where there is no token, may stand in front
    tokenizer  as in `allowed_by`
    returns    ids (T - 1,), and the bytes that the next token must begin with
    A special token is no text and stays, with b"" to begin with; so does the only token of a prompt, since a model
    needs something to continue: of "<s>h", "<s>" remains, of "h" alone all of it.
    Source: Lundberg 2023, "The art of prompt design: prompt boundaries and token healing" (guidance). guidance takes
    back as many tokens as a longer one could cover, and lets several new ones spell their bytes; transformers
    (`heal_tokens`) strips white space off the prompt and encodes it anew, then adds a bias of 10 to the tokens that
    extend the last one, of 11 to that token itself, and chooses one at once, greedily. Here it is one token, a mask and
    no bias, and any strategy chooses.
    """
    ids = np.asarray(ids)
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise GenerationError(f"token healing takes the ids (T,) of one row; got {ids.dtype} {ids.shape}")
    tokens, _ = vocabulary_of(tokenizer)
    said = ids[ids >= 0]
    if (said >= len(tokens)).any():
        raise GenerationError(f"ids must be below the tokenizer's vocab_size={len(tokens)}; got {said.max()}; pass the "
                              "tokenizer that encoded them")
    if len(said) < 2 or not tokens[said[-1]]:
        return ids, b""
    return ids[:-1], tokens[said[-1]]


def starts_with(prefixes, tokenizer, prompt_length):
    """Let the first generated token be one that begins with given bytes.

        s_v <- s_v if bytes(v) begins with prefix_b, else -inf        while row b has generated nothing

    prefixes       N of bytes, B a multiple of N, or one for all rows; b"" asks for nothing
    tokenizer      as in `allowed_by`; special tokens begin with nothing
    prompt_length  int or (N,) ints, without pads and without the token that was taken off
    returns        a processor: ids (B, S), scores (B, V), V >= vocab_size
    Raises GenerationError where no token begins so; after `heal`, the token that it took off does.
    Source: as `heal`.
    """
    tokens, _ = vocabulary_of(tokenizer)
    prefixes = [prefixes] if isinstance(prefixes, bytes) else prefixes
    lengths, masks = row_counts("prompt_length", prompt_length), {}
    for prefix in prefixes:
        if not isinstance(prefix, bytes):
            raise GenerationError(f"prefixes must be bytes, as token healing returns them; got {prefix!r:.80}")
        masks[prefix] = np.array([token.startswith(prefix) for token in tokens])
        if not masks[prefix].any():
            raise GenerationError(f"a token must begin with {prefix!r:.80}; none of the {len(tokens)} does")

    def extend(ids, scores):
        check_known("the tokenizer's tokens", (len(tokens) - 1,), scores.shape[-1])
        allowed = np.ones(scores.shape, bool)
        which = per_row(np.arange(len(prefixes)), len(ids))
        for row, said, n in zip(allowed, generated(ids, lengths), which):
            if not said and prefixes[n]:
                row[:] = False
                row[:len(tokens)] = masks[prefixes[n]]
        return np.where(allowed, scores, -np.inf)
    return extend
