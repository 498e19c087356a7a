"""Every option of `generate`: what it is called, what it may be, what it is for. And the file it may come from.

Before this file: `scratchgpt.options`, `config_file`. After it: the reader has seen all that decoding can be asked for.
Nothing acts unasked: an option that is None, or has its neutral value, changes nothing.
"""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from ..errors import GenerationError
from ..options import (BIASES, FLAG, FORCED, LAYERS, PHRASE, PHRASES, RECORD, TEXT, TEXTS, TOKEN, TOKENS, check_option,
                      choice, number, option, plain, tuple_of, whole)
from . import config_file, contradictions
from .config_file import FILE

SHARE = number(0, 1, low_open=True)                                     # a probability that is not 0
POSITIVE = number(0, low_open=True)
FACTOR = number(1e-6, 1e6)                                              # of scores, which float32 must hold
STRENGTH, UP_TO_A_MILLION = number(-1e6, 1e6), number(0, 1e6, low_open=True)
TEMPERATURE = FACTOR._replace(rule="a number from 1e-6 to 1e6; its limit 0 is greedy search, without rng")


@dataclass(frozen=True)
class GenerationConfig:
    """What may be asked of `generate`, under the names of transformers, llama.cpp (dry, xtc, dynatemp, mirostat) and
    vLLM (include_stop_str_in_output). Lengths are in tokens, penalties and biases in nats, max_time in seconds.

        generate(model, ids, generation_config=config, rng=rng if config.do_sample else None)

    `other` holds the keys of a file that mean nothing here, or do not act; they are written back.
    Raises GenerationError for a value that an option cannot have, and for options that contradict each other.
    """

    # when to stop
    max_new_tokens: int | None = option(whole(0), "how many tokens to add at most")
    max_length: int | None = option(whole(1), "how many tokens prompt and answer may have together")
    min_new_tokens: int | None = option(whole(0), "no end before so many new tokens", 0, "eos_token_id")
    min_length: int | None = option(whole(0), "no end before so many tokens, the prompt's included", 0, "eos_token_id")
    max_time: float | None = option(POSITIVE, "stop after so many seconds")
    eos_token_id: int | list | None = option(TOKENS, "token, or tokens, that end a text")
    pad_token_id: int | None = option(TOKEN, "token that fills a text which has ended (default: the first end)")
    bos_token_id: int | None = option(TOKEN, "token that an empty prompt begins with")
    stop_strings: str | list | None = option(TEXTS, "text, or texts, that end a text")
    include_stop_str_in_output: bool | None = option(FLAG, "leave the stop string in the text", False, "stop_strings")
    # how to search
    do_sample: bool | None = option(FLAG, "draw tokens instead of taking the likeliest")
    num_return_sequences: int | None = option(whole(1), "how many continuations of each prompt", 1)
    num_beams: int | None = option(whole(1), "how many texts beam search keeps", 1)
    length_penalty: float | None = option(STRENGTH, "above 0 favours longer texts (default 1)", 1, "num_beams")
    length_penalty_type: str | None = option(choice("power", "gnmt"), "a score is divided by L^a or by ((5 + L) / 6)^a",
                                             "power", "num_beams")
    early_stopping: bool | str | None = option(choice(True, False, "never"), "when to give up on longer beams", False,
                                               "num_beams")
    num_beam_groups: int | None = option(whole(1), "groups of beams that avoid each other's tokens", 1, "num_beams")
    diversity_penalty: float | None = option(number(0, 1e6), "how much groups avoid each other", 0, "num_beam_groups")
    force_words_ids: list | None = option(FORCED, "phrases that must appear, or alternatives", None, "num_beams")
    penalty_alpha: float | None = option(number(0, 1), "contrastive search: how much to avoid likeness", None, "top_k")
    dola_layers: str | list | None = option(LAYERS, "contrast the last layer with one of these")
    guidance_scale: float | None = option(STRENGTH, "above 1 follows the prompt more closely", 1)
    mirostat: int | None = option(choice(0, 1, 2), "hold the surprise of each token near mirostat_tau", 0)
    mirostat_tau: float | None = option(POSITIVE, "the surprise aimed at, in bits (default: 5)", None, "mirostat")
    mirostat_eta: float | None = option(POSITIVE, "how fast it is corrected (default: 0.1)", None, "mirostat")
    mirostat_m: int | None = option(whole(2), "tokens that version 1 estimates from (default: 100)", None, "mirostat")
    num_assistant_tokens: int | None = option(whole(1), "tokens that a draft model proposes at once (default: 5)")
    assistant_acceptance: str | None = option(choice("sampling", "matching"), "how drafted tokens are judged")
    assistant_early_exit: int | None = option(whole(1), "draft with so many of the model's own first layers")
    prompt_lookup_num_tokens: int | None = option(whole(1), "draft by copying so many tokens from the text so far")
    max_matching_ngram_size: int | None = option(whole(1), "what to look up, at most (default: 2)", None,
                                                 "prompt_lookup_num_tokens")
    lookahead_num_tokens: int | None = option(whole(1), "lookahead: how many tokens are guessed in parallel")
    lookahead_ngram_size: int | None = option(whole(1), "n-grams kept of the guesses (default: 3); 1 is plain Jacobi",
                                              None, "lookahead_num_tokens")
    # what to do to the scores
    processor_order: str | None = option(choice("hf", "llamacpp"), "in which order scores are processed", "hf")
    temperature: float | None = option(TEMPERATURE, "below 1 plays safe, above 1 takes risks", 1)
    dynatemp_range: float | None = option(number(0, 1e6), "let the temperature follow the entropy, by so much", 0)
    dynatemp_exponent: float | None = option(UP_TO_A_MILLION, "how it follows (default: 1)", None, "dynatemp_range")
    top_k: int | None = option(whole(1), "draw from the K likeliest tokens only")
    top_p: float | None = option(SHARE, "draw from the likeliest tokens that together have probability P", 1)
    min_p: float | None = option(number(0, 1), "drop what is less likely than P times the likeliest", 0)
    top_h: float | None = option(SHARE, "draw from the likeliest tokens that have share H of the entropy")
    typical_p: float | None = option(SHARE, "draw from the most typical tokens that together have probability P", 1)
    epsilon_cutoff: float | None = option(number(0, 1, high_open=True), "drop what is less likely than this", 0)
    eta_cutoff: float | None = option(number(0, 1, high_open=True), "as epsilon, but lower where entropy is high", 0)
    top_n_sigma: float | None = option(UP_TO_A_MILLION, "keep scores within so many deviations of the best")
    xtc_probability: float | None = option(number(0, 1), "how often to exclude the top choices", 0)
    xtc_threshold: float | None = option(number(0, 1), "what a top choice is (default: 0.1)", None, "xtc_probability")
    repetition_penalty: float | None = option(FACTOR, "above 1 avoids what the text holds already", 1)
    frequency_penalty: float | None = option(STRENGTH, "taken off for each occurrence so far", 0)
    presence_penalty: float | None = option(STRENGTH, "taken off for what has occurred", 0)
    dry_multiplier: float | None = option(number(0, 1e6), "penalty of what would repeat a sequence", 0)
    dry_base: float | None = option(number(1, 1e6), "its growth with each token (default 1.75)", None, "dry_multiplier")
    dry_allowed_length: int | None = option(whole(1), "repeats so long are free (default: 2)", None, "dry_multiplier")
    dry_sequence_breakers: list | None = option(PHRASES, "phrases that no repeat crosses", None, "dry_multiplier")
    encoder_repetition_penalty: float | None = option(FACTOR, "above 1 favours the source's tokens", 1)
    no_repeat_ngram_size: int | None = option(whole(0), "never say N tokens twice in the same order", 0)
    encoder_no_repeat_ngram_size: int | None = option(whole(0), "never say N tokens of the source in order", 0)
    bad_words_ids: list | None = option(PHRASES, "phrases that may not appear")
    sequence_bias: dict | list | None = option(BIASES, "what is added to a phrase's last token")
    exponential_decay_length_penalty: tuple | None = option(
        tuple_of(whole(0), FACTOR), "from so many new tokens on, the end grows likelier", None, "eos_token_id")
    suppress_tokens: list | None = option(PHRASE, "tokens that may not appear")
    begin_suppress_tokens: list | None = option(PHRASE, "tokens that may not come first")
    forced_bos_token_id: int | None = option(TOKEN, "the token behind a prompt of one")
    forced_eos_token_id: int | list | None = option(TOKENS, "the last token, where max_length cuts", None,
                                                    ("max_length", "max_new_tokens"))
    remove_invalid_values: bool | None = option(FLAG, "repair NaN and infinite scores", False)
    renormalize_logits: bool | None = option(FLAG, "make processed scores log-probabilities again", False)
    watermarking: dict | None = option(RECORD, "favour a green list, as in {\"bias\": 2.0, \"greenlist_ratio\": 0.25}")
    regex: str | None = option(TEXT, "the answer matches this regular expression", None, "eos_token_id")
    grammar: str | None = option(TEXT, "the answer is of this grammar, or \"json\"", None, "eos_token_id")
    token_healing: bool | None = option(FLAG, "choose the prompt's last token anew, with what follows", False)
    # what to tell, what to remember
    return_dict_in_generate: bool | None = option(FLAG, "return a GenerationOutput", False)
    output_scores: bool | None = option(FLAG, "with the processed scores", False, "return_dict_in_generate")
    output_logits: bool | None = option(FLAG, "with the model's own scores", False, "return_dict_in_generate")
    output_hidden_states: bool | None = option(FLAG, "with the hidden states", False, "return_dict_in_generate")
    output_candidates: int | None = option(whole(1), "with the K best tokens of every step", None,
                                           "return_dict_in_generate")
    output_trace: bool | None = option(FLAG, "with who removed which token", False, "return_dict_in_generate")
    use_cache: bool | None = option(FLAG, "remember keys and values (default: true)", True)
    cache_implementation: str | None = option(choice("dynamic", "static", "sliding_window", "quantized"),
                                              "how keys and values are kept", "dynamic")
    other: dict = field(default_factory=dict, repr=False)

    def __post_init__(self):
        for one in self.table():
            object.__setattr__(self, one.name, plain(getattr(self, one.name)))
            check_option(one.name, getattr(self, one.name), one.metadata["kind"])
        contradictions.check(self)

    @classmethod
    def table(cls):
        """The fields that are options, in reading order; their metadata holds kind, help, neutral and needs."""
        return [one for one in fields(cls) if one.name != "other"]

    def asks(self, name):
        """Whether this changes anything: it is neither None nor neutral."""
        value = getattr(self, name)
        return value is not None and value != self.__dataclass_fields__[name].metadata["neutral"]

    @property
    def ends(self):
        """The tokens that end a text, a tuple, perhaps empty."""
        eos = () if self.eos_token_id is None else self.eos_token_id
        return tuple(eos) if isinstance(eos, (list, tuple)) else (eos,)

    @property
    def pad(self):
        """The token that fills a text which has ended: pad_token_id, else the first end, else 0."""
        return (*self.ends, 0)[0] if self.pad_token_id is None else self.pad_token_id

    @property
    def stop_bytes(self):
        """The stop strings in UTF-8, a list, perhaps empty."""
        strings = self.stop_strings or []
        return [one.encode() for one in ([strings] if isinstance(strings, str) else strings)]

    def replace(self, **options):
        """The same with other options. Raises GenerationError for a name that is none, or a wrong value."""
        unknown = options.keys() - {one.name for one in self.table()}
        if unknown:
            raise GenerationError(f"generate has no option {', '.join(sorted(unknown))}; see GenerationConfig")
        return replace(self, **options)

    def options(self):
        """{name: value} of all that is asked for, sampling included where do_sample says so; `generate` takes them."""
        names = [one.name for one in self.table() if getattr(self, one.name) is not None]
        return {name: getattr(self, name) for name in names
                if name != "do_sample" and (self.do_sample or name not in contradictions.SAMPLING)}

    @classmethod
    def from_pretrained(cls, folder):
        """Read `folder`/generation_config.json; without the file, a config that asks for nothing.

        What cannot act in the file alone, such as a length_penalty without beams, is kept in `other` and asks for
        nothing.
        Raises GenerationError naming the file and the key.
        """
        given, other = config_file.read(folder, cls.table())
        try:
            return cls(**given, other=other)
        except GenerationError as problem:
            raise GenerationError(f"{Path(folder) / FILE}: {problem}") from None

    def save_pretrained(self, folder):
        """Write `folder`/generation_config.json, the keys of others included."""
        config_file.write(folder, {one.name: getattr(self, one.name) for one in self.table()}, self.other)
