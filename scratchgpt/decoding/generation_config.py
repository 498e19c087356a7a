"""generation_config.json: how a model's makers want it decoded.

Before this file: `generate`. After it: such defaults are read and handed on by name; nothing is applied unasked.
"""

import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from ..errors import GenerationError
from ..files import read_json, write_json

FILE = "generation_config.json"
# keys of the field that change what is generated, unless they have this value, or are None, false or empty
NEUTRAL = {
    **dict.fromkeys(("num_beams", "num_beam_groups", "typical_p", "repetition_penalty", "encoder_repetition_penalty",
                     "guidance_scale"), 1),
    **dict.fromkeys(("penalty_alpha", "min_p", "epsilon_cutoff", "eta_cutoff", "diversity_penalty", "min_length",
                     "min_new_tokens", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size"), 0),
    **dict.fromkeys(("bad_words_ids", "force_words_ids", "sequence_bias", "exponential_decay_length_penalty",
                     "suppress_tokens", "begin_suppress_tokens", "forced_bos_token_id", "forced_eos_token_id",
                     "constraints", "dola_layers", "prompt_lookup_num_tokens", "stop_strings")),
}


@dataclass(frozen=True)
class GenerationConfig:
    """The defaults of a folder, under the names of transformers; what the file does not say is None.

        generate(model, ids, rng=rng if config.do_sample else None, **{"max_new_tokens": 100, **config.options()})

    max_new_tokens, eos_token_id, pad_token_id, bos_token_id are in tokens; temperature, top_k, top_p act if do_sample.
    `other` holds the keys that change nothing here; they are written back.
    """

    max_new_tokens: int | None = None
    do_sample: bool = False
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    eos_token_id: int | list | None = None
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    other: dict = field(default_factory=dict, repr=False)

    def __post_init__(self):
        def check(rule, fits, *names):
            for name in names:
                value = getattr(self, name)
                if value is not None and not fits(value):
                    raise GenerationError(f"{name} must be {rule}; got {value!r:.80}")

        def whole(value):
            return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31

        def number(value):
            return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1e300 \
                and math.isfinite(value)
        check("an integer >= 0", whole, "max_new_tokens", "top_k", "pad_token_id", "bos_token_id")
        check("an integer >= 0, or a list of them", lambda value: whole(value) or isinstance(value, list)
              and value and all(map(whole, value)), "eos_token_id")
        check("true or false", lambda value: isinstance(value, bool), "do_sample")
        check("a finite number >= 0", number, "temperature")
        check("a probability", lambda value: number(value) and value <= 1, "top_p")

    def options(self):
        """The keyword arguments of `generate` that this asks for; with do_sample, `generate` needs an rng besides.

        Raises GenerationError naming a key that would change what is generated and is not supported.
        """
        for key, neutral in NEUTRAL.items():
            value = self.other.get(key)
            if value not in (None, False, [], {}, neutral):
                raise GenerationError(f"{FILE} asks for {key}={value!r:.80}, which is not supported; remove it, or "
                                      "pass the options of generate yourself")
        names = ["max_new_tokens", "eos_token_id", "pad_token_id"]
        names += ["temperature", "top_k", "top_p"] if self.do_sample else []
        asked = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        if asked.get("top_k") == 0:
            del asked["top_k"]                                   # the field's word for no limit
        return asked

    @classmethod
    def from_pretrained(cls, folder):
        """Read `folder`/generation_config.json; without the file, a config that asks for nothing.

        Raises GenerationError naming the file and the key.
        """
        path = Path(folder) / FILE
        if not path.exists():
            return cls()
        values = read_json(path, GenerationError)
        if not isinstance(values, dict):
            raise GenerationError(f"{path}: must hold an object; got {type(values).__name__}")
        known = {one.name for one in fields(cls)} - {"other"}
        given = {key: values[key] for key in known & values.keys() if values[key] is not None}
        try:
            return cls(**given, other={key: value for key, value in values.items() if key not in known})
        except GenerationError as problem:
            raise GenerationError(f"{path}: {problem}") from None

    def save_pretrained(self, folder):
        """Write `folder`/generation_config.json, the keys of others included."""
        own = {key: value for key, value in asdict(self).items()
               if key != "other" and value is not None and value is not False}
        write_json(Path(folder) / FILE, {**self.other, **own})
