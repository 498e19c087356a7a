"""The one door: a request is checked, made ready, given to its strategy, and answered.

Before this file: all others of the folder. After it: every way of decoding is a set of options.
"""

import numpy as np

from ..errors import GenerationError
from ..inputs import as_rows
from .prepare import prepare
from .text import TextStream


def generate(model, ids=None, attention_mask=None, *, generation_config=None, **options):
    """Continue every row of `ids`.

        x_{t+1} ~ softmax(processors(logits(x_1..x_t)))        without an rng: argmax

    model           a language model; an encoder-decoder, whose source ids are, or `model.given(source)`
    ids             (B, T) integers; None or T = 0: a prompt of bos_token_id alone
    attention_mask  (B, T) of 1 for tokens and 0 for pads, on either side; None: no pads. A row is continued as it
                    would be alone, at the end of the array.
    options         every field of `GenerationConfig` (lengths in tokens), over those of `generation_config`, and
        rng                     numpy.random.Generator to sample; None: no chance
        tokenizer               whose ids they are: for stop strings, regex, grammar, token healing
        assistant_model         a smaller model of the same vocabulary that drafts
        logits_processor        functions (ids, scores) -> scores, ids (B, S) being -1 where there is no token
        prefix_allowed_tokens_fn  (row, ids (T,)) -> the tokens that may follow
        stopping_criteria       functions (ids (1, T), scores (1, V)) -> whether the text ends
        negative_prompt_ids, negative_prompt_attention_mask    what guidance_scale steers away from
        decoder_input_ids       what an encoder-decoder's answer begins with
    returns         (B n, T + N) integers, a NumPy array: prompts and what follows, n = num_return_sequences; rows that
                    have ended are filled with pad_token_id. With return_dict_in_generate a `GenerationOutput`.
    Past the context length the window slides: each token is predicted from the last n_positions before it.
    Raises GenerationError or DataError for a request that cannot be met, and then nothing was changed.
    Source: Radford et al. 2019, section 3; Wolf et al. 2019, arXiv:1910.03771, for the names.
    """
    request = prepare(model, ids, attention_mask, generation_config, options)
    for _ in request.strategy(request.run):
        pass
    return request.answer()


def stream(model, ids=None, attention_mask=None, *, generation_config=None, **options):
    """As `generate`, yielding the new ids (R,) of each place in the answers as soon as all rows have one.

        x_{t+1} ~ softmax(processors(logits(x_1..x_t)))

    ids (B, T)    yields arrays (R,), R = B num_return_sequences; rows that have ended give pads
    Raises GenerationError for beams, which are known only at the end, and as `generate`; all before the first token.
    Source: as `generate`.
    """
    return _streaming(model, ids, attention_mask, generation_config, options).columns()


def stream_text(model, prompt, tokenizer, *, generation_config=None, **options):
    """As `stream`, yielding the answer to one prompt as pieces of text, each as soon as it is certain.

        text_1 + text_2 + ... = GenerationOutput.texts(tokenizer)[0]

    prompt     str, or ids (T,) or (1, T); special tokens in a str are taken as such
    tokenizer  whose ids they are
    yields     str, none of them empty: without what ends the text, be it eos or, unless include_stop_str_in_output is
               asked for, a stop string, whose possible beginning is held back until it is none; half a character waits
    Raises GenerationError for several texts, and as `stream`; all before the first token.
    Source: as `TextStream`.
    """
    ids = tokenizer(prompt, allowed_special="all").input_ids if isinstance(prompt, str) else \
        as_rows("the prompt", prompt, GenerationError)
    request = _streaming(model, np.atleast_2d(ids), None, generation_config, {**options, "tokenizer": tokenizer})
    if len(request.run.prompts) > 1:
        raise GenerationError(f"text is streamed one at a time; got {len(request.run.prompts)}: call generate, or "
                              "leave out num_return_sequences")
    return _pieces(request, tokenizer)


def _streaming(model, ids, attention_mask, generation_config, options):
    """A Request whose tokens are known one after another."""
    request = prepare(model, ids, attention_mask, generation_config, options)
    if request.config.asks("num_beams"):
        raise GenerationError("beam search knows its text only at the end; call generate, or leave out "
                              f"num_beams={request.config.num_beams}")
    if request.config.asks("return_dict_in_generate"):
        raise GenerationError("a stream yields tokens and tells nothing else; call generate for a GenerationOutput, or "
                              "leave out return_dict_in_generate=True")
    return request


def _pieces(request, tokenizer):
    prompt = request.run.prompts[0]
    stream = TextStream(tokenizer, request.config, prompt[prompt >= 0])
    yield from filter(None, (stream.push(token) for token, in request.columns()))
    yield from filter(None, [stream.flush()])
