"""Every way of decoding as options, in one table: for laws that all of them keep.

Before this file: `lively`, `strategies/speculation/drafting`. A request is a model, a prompt and options; options that
hold a state of their own, a generator, are made anew for each call.
"""

import numpy as np

from scratchgpt.decoding import GenerationConfig, generate, stream
from scratchgpt.decoding.prepare import prepare
from scratchgpt.tokenizers import CharTokenizer
from tests.decoding.strategies.speculation.drafting import talker

LETTERS = CharTokenizer("abcdefg")                                 # a is token 0, and so on; g is the end of a text
EOS, COUNT = 6, 7
LONG = dict(max_new_tokens=COUNT, eos_token_id=EOS, pad_token_id=0)
SPELT = dict(tokenizer=LETTERS, regex="((a|b)*(cd?|e)f*)*")
GRAMMAR = dict(tokenizer=LETTERS, grammar='root ::= pair+\npair ::= "a" [b-d] | "e" pair "f" | "f"')
BEAMS = dict(num_beams=3)
HELPER = talker(11, n_positions=16)

PLAIN = {                                                          # without chance
    "greedy": {}, "penalties": dict(repetition_penalty=1.4, no_repeat_ngram_size=2, dry_multiplier=0.8),
    "static cache": dict(cache_implementation="static"), "no cache": dict(use_cache=False),
    "watermark": dict(watermarking={"bias": 3.0}), "stop string": dict(stop_strings=["ab", "cd"], tokenizer=LETTERS),
    "contrastive": dict(penalty_alpha=0.6, top_k=4), "layers": dict(dola_layers=[0, 1]),
    "guidance": dict(guidance_scale=1.8), "negative prompt": dict(guidance_scale=2.5, negative_prompt_ids=[[5, 1]]),
    "assistant": dict(assistant_model=HELPER, num_assistant_tokens=3), "early exit": dict(assistant_early_exit=1),
    "lookup": dict(prompt_lookup_num_tokens=3), "jacobi": dict(lookahead_num_tokens=4, lookahead_ngram_size=1),
    "lookahead": dict(lookahead_num_tokens=4, lookahead_ngram_size=2), "regex": SPELT, "grammar": GRAMMAR,
    "healed": dict(token_healing=True, tokenizer=LETTERS), "regex drafted": dict(SPELT, prompt_lookup_num_tokens=3),
    "beams": dict(BEAMS, num_return_sequences=2), "diverse": dict(num_beams=4, num_beam_groups=2, diversity_penalty=1.0),
    "forced": dict(num_beams=4, force_words_ids=[[2, 4]]), "regex beams": dict(SPELT, **BEAMS),
    "guided beams": dict(BEAMS, guidance_scale=1.6)}
DRAWN = {                                                          # with a generator
    "sampling": dict(temperature=1.3, top_p=0.95), "copies": dict(num_return_sequences=3), "xtc": dict(
        xtc_probability=0.5, xtc_threshold=0.1), "mirostat 1": dict(mirostat=1, mirostat_tau=1.5, mirostat_eta=0.6),
    "mirostat 2": dict(mirostat=2, mirostat_tau=1.5, mirostat_eta=0.6), "sampled layers": dict(dola_layers="low"),
    "sampled guidance": dict(guidance_scale=0.6), "sampled assistant": dict(assistant_model=HELPER, temperature=1.5),
    "sampled exit": dict(assistant_early_exit=1, num_assistant_tokens=3, temperature=1.5),
    "matching assistant": dict(assistant_model=HELPER, assistant_acceptance="matching"),
    "sampled lookup": dict(prompt_lookup_num_tokens=3), "sampled lookahead": dict(lookahead_num_tokens=3),
    "sampled regex": dict(SPELT, temperature=2.0), "sampled grammar": dict(GRAMMAR, temperature=2.0),
    "sampled beams": dict(BEAMS, temperature=1.5), "sampled regex beams": dict(SPELT, **BEAMS)}
SEARCHES = {**PLAIN, **DRAWN}
STREAMED = [name for name, options in SEARCHES.items() if "num_beams" not in options]


def options_of(name, seed=0, **more):
    """What `generate` is to be given for one call of a search."""
    return {**LONG, **SEARCHES[name], **({"rng": np.random.default_rng(seed)} if name in DRAWN else {}), **more}


def prompts():
    """Two prompts (1, 3) and (2, 4), the second padded: (ids, attention_mask) of each."""
    return ([[1, 2, 4]], None), ([[3, 0, 5, 1], [0, 0, 4, 2]], [[1, 1, 1, 1], [0, 0, 1, 1]])


def text_of(model, name, prompt, seed=0, **more):
    """The answer of one call, alone: ids (R, N), pads behind the end."""
    output = generate(model, *prompt, **options_of(name, seed, return_dict_in_generate=True, **more))
    return output.sequences[:, output.prompt_length:]                           # healing takes a token off the prompt


def under_way(model, name, prompt, seed=0):
    """(an iterator over the steps of a search, a function that gives its answer when they are over)."""
    options = options_of(name, seed)
    if name in STREAMED:
        columns, found = stream(model, *prompt, **options), []
        return (found.append(column) for column in columns), lambda: np.stack(found, axis=1)
    request = prepare(model, *prompt, GenerationConfig(), options)
    return request.strategy(request.run), lambda: request.answer()[:, request.prompt.shape[1]:]
