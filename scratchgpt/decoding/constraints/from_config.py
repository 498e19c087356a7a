"""What a config asks for of this package, as processors.

Before this file: all others of the package. After it: `generate` knows constraints as processors that are made for the
rows which still run.
"""

from functools import lru_cache

import numpy as np

from ..prompt import right_aligned
from .allowed_by import allowed_by
from .grammar import grammar
from .json_grammar import JSON
from .regex import regex
from .token_healing import heal, starts_with


def constraints(config, tokenizer, prompt):
    """The prompt, healed if asked for, and the constraints on what follows it.

        processor = limit(of)        for rows b that continue prompt of_b

    config     GenerationConfig: regex, grammar ("json" or the text of one), token_healing, ends, pad
    tokenizer  whose ids they are    prompt  Prompt; only its lines (B, S) and ids are read, and changed by healing
    returns    (prompt, [limit, ...]); limit  (R,) ints in [0, B) -> processor of R rows
    A healed prompt's ids are its lines, with pads where they have none.
    Raises GenerationError for a pattern or grammar that cannot be read. A constraint and healing never come together
    (`contradictions`): the text of the one begins behind the prompt, that of the other in it.
    Source: as `allowed_by` and `heal`.
    """
    limits = []
    pattern = next(((name, getattr(config, name)) for name in ("regex", "grammar")
                    if getattr(config, name) is not None), None)
    if config.token_healing:
        prompt, prefixes = _healed(prompt, tokenizer, config)
        lengths = prompt.lengths
        limits.append(lambda of: starts_with([prefixes[p] for p in of], tokenizer, lengths[of]))
    if pattern:
        language, lengths = _language(*pattern), prompt.lengths
        limits.append(lambda of: allowed_by(language, tokenizer, lengths[of], config.ends))
    return prompt, limits


@lru_cache(maxsize=4)
def _language(kind, text):
    """The recogniser, which goes on with what it has learned if the same is asked for again."""
    return regex(text) if kind == "regex" else grammar(JSON if text == "json" else text)


def _healed(prompt, tokenizer, config):
    rows, prefixes = zip(*(heal(line, tokenizer) for line in prompt.lines))
    lines = right_aligned(np.array([np.pad(row, (prompt.lines.shape[1] - len(row), 0), constant_values=-1)
                                    for row in rows]))
    source = lines if prompt.source is prompt.lines else prompt.source
    return prompt._replace(ids=np.where(lines < 0, config.pad, lines), lines=lines, source=source), list(prefixes)
