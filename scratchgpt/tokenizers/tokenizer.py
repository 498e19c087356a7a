"""What every tokenizer can do, given how it encodes plain text.

Before this file: `vocabulary`, `special`, `chat`, `call`. After it: the reader knows the whole interface. `encode`
turns text into ids and nothing else; a call, `tokenizer(texts)`, also adds the tokens that a model wants around a text,
cuts, pads, and says where each token stands.
"""

import numpy as np

from ..errors import TokenizerError
from .call import PADDING, SIDES, Encoding, collate, token_spans, truncate
from .chat.templates import render_chat
from .ids import ID_DTYPE, check_text
from .special import choose_special, none_in, split_special
from .vocabulary import Vocabulary


class Tokenizer(Vocabulary):
    """Text to ids. A subclass defines `_encode_plain(texts, **options)`: a list of str -> the ids of each, a list or an
    array.

    Attributes that a caller may assign, besides the roles bos_token, eos_token, unk_token and pad_token:

    add_bos_token, add_eos_token    bool, whether a call puts bos_token before a text, and eos_token after it
    padding_side, truncation_side   "left" or "right"
    model_max_length                int, the length to which a call truncates, or None
    trim_offsets                    bool, whether the offsets of a token leave out the spaces at its ends
    chat_template                   what `apply_chat_template` uses: a name, a function, Jinja source, or None
    """

    def __init__(self, *vocabulary, **more):
        super().__init__(*vocabulary, **more)
        self.add_bos_token = self.add_eos_token = self.trim_offsets = False
        self.padding_side = self.truncation_side = "right"
        self.model_max_length = self.chat_template = None

    def encode(self, text, allowed_special=(), disallowed_special="all", **options):
        """Return text as a list of ids; nothing is added to it.

        text                str
        allowed_special     special tokens to encode as one id each: a collection, or "all"
        disallowed_special  special tokens to refuse in the text: a collection, or "all" (those that are not allowed)
        returns             list of int, 0 <= id < vocab_size

        Raises TokenizerError for a disallowed special token, or a lone surrogate, in the text.
        Source: `Encoding.encode` of the tiktoken library.
        """
        return self.encode_batch([text], allowed_special, disallowed_special, **options)[0]

    def encode_array(self, text, allowed_special=(), disallowed_special="all", **options):
        """Return what `encode` does as an int32 array (T,)."""
        ids, = self._encode_texts([text], allowed_special, disallowed_special, options)
        return np.asarray(ids, dtype=ID_DTYPE)

    def encode_batch(self, texts, allowed_special=(), disallowed_special="all", **options):
        """Return a list of what `encode` makes of each text; for many texts this is faster than `encode` for each."""
        return [ids if isinstance(ids, list) else ids.tolist()
                for ids in self._encode_texts(texts, allowed_special, disallowed_special, options)]

    def tokenize(self, text, allowed_special=(), disallowed_special="all", **options):
        """Return the tokens of text as files spell them, a list of str; arguments as in `encode`."""
        return self.convert_ids_to_tokens(self.encode_array(text, allowed_special, disallowed_special, **options))

    def __call__(self, texts, padding=False, truncation=False, max_length=None, padding_side=None, truncation_side=None,
                 add_special_tokens=True, allowed_special=(), disallowed_special="all", **options):
        """Return an Encoding: ids, mask and offsets of one text, or of a list of texts.

        padding             False, "longest" (or True), or "max_length"
        truncation          whether to cut what is longer than max_length; bos and eos are kept
        max_length          int, tokens; None is model_max_length
        padding_side        "left", "right", or None for the tokenizer's own; truncation_side likewise
        add_special_tokens  whether to add bos and eos as add_bos_token and add_eos_token say; not for a text from
                            `apply_chat_template`, which has its own
        others              as in `encode`

        Raises TokenizerError for what cannot be met, such as padding without a pad token.
        Source: the call of the transformers library's tokenizers.
        """
        padding_side = _one_of(SIDES, "padding_side", padding_side or self.padding_side)
        truncation_side = _one_of(SIDES, "truncation_side", truncation_side or self.truncation_side)
        padding = PADDING[_one_of(PADDING, "padding", padding)]
        max_length = self.model_max_length if max_length is None else max_length
        before, after = self._around() if add_special_tokens else ([], [])
        limit = None
        if truncation or padding == "max_length":
            limit = _room(max_length, len(before) + len(after))
        several, rows, spans = [texts] if isinstance(texts, str) else list(_listed(texts)), [], []
        for text, ids in zip(several, self._encode_texts(several, allowed_special, disallowed_special, options)):
            span = self._spans(text, ids := np.asarray(ids, dtype=ID_DTYPE))
            if truncation:
                ids, span = truncate(ids, limit, truncation_side), truncate(span, limit, truncation_side)
            rows.append(np.concatenate([before, ids, after]).astype(ID_DTYPE))
            spans.append(np.pad(span, ((len(before), len(after)), (0, 0))))
        batch = collate(rows, spans, padding, padding_side, self.pad_token_id, max_length)
        return Encoding(*(batch[name][0] for name in batch.keys())) if isinstance(texts, str) else batch

    def apply_chat_template(self, messages, template=None, add_generation_prompt=False, tokenize=True, **variables):
        """Return a conversation as one text in the form that the model was trained on, or as its ids.

        messages               list of {"role": "system", "user" or "assistant", "content": str}
        template               as in `render_chat`: a name such as "chatml", a function, or Jinja source; None is
                               chat_template
        add_generation_prompt  whether to open the assistant's next turn
        tokenize               True for a list of ids, in which the template's special tokens are single ids and nothing
                               is added; False for the text
        variables              for a Jinja template, such as tools

        Raises TokenizerError for messages that do not fit, and for a special token in a message's content: else
        whoever writes a message could speak with another role's voice.
        Source: `apply_chat_template` of the transformers library, which lets special tokens in messages pass.
        """
        template = self.chat_template if template is None else template
        if template is None:
            raise TokenizerError("a chat template is needed; pass template=, or assign tokenizer.chat_template, "
                                 'such as "chatml"')
        roles = {role: token for role, token in self._roles.items() if token is not None}
        text = render_chat(messages, template, add_generation_prompt, **{**roles, **variables})
        if not tokenize:
            return text
        for said in _strings(messages):
            split_special(said, frozenset(), frozenset(self.special_tokens))
        return self.encode(text, allowed_special="all")

    def _encode_texts(self, texts, allowed_special, disallowed_special, options):
        """The ids of each text, a list or an array; special tokens are found first, then added ones."""
        allowed, disallowed = choose_special(self.special_tokens, allowed_special, disallowed_special)
        added, none = frozenset(self.added_tokens), frozenset()
        texts = [check_text(text) for text in _listed(texts)]
        if none_in(texts, allowed | disallowed | added):
            return self._encode_plain(texts, **options)
        layout, plain = [], []                                  # of each text: an id, or None for the next plain part
        for text in texts:
            parts = []
            for i, part in enumerate(split_special(text, allowed, disallowed)):
                for j, inner in enumerate([part] if i % 2 else split_special(part, added, none)):
                    parts.append([self._ids[inner]] if i % 2 or j % 2 else None)
                    if parts[-1] is None:
                        plain.append(inner)
            layout.append(parts)
        encoded = iter(self._encode_plain(plain, **options))
        return [np.concatenate([np.asarray(next(encoded) if part is None else part, dtype=ID_DTYPE) for part in parts])
                for parts in layout]

    def _spans(self, text, ids):
        """The characters of each token, without the spaces at its ends where trim_offsets says so."""
        spans = token_spans(text, self._lengths[ids])
        if self.trim_offsets:
            tokens = [self._tokens[i] for i in ids.tolist()]
            before, after = ([len(token) - len(strip(token, b" ")) for token in tokens]
                             for strip in (bytes.lstrip, bytes.rstrip))
            spans[:, 0] = np.minimum(spans[:, 0] + np.array(before, dtype=np.int64), spans[:, 1])
            spans[:, 1] = np.maximum(spans[:, 1] - np.array(after, dtype=np.int64), spans[:, 0])
        return spans

    def _around(self):
        """The ids that a call puts before a text, and after it."""
        ends = []
        for wanted, role in ((self.add_bos_token, "bos_token"), (self.add_eos_token, "eos_token")):
            if wanted and self._roles[role] is None:
                raise TokenizerError(f"add_{role} needs a {role}; got none; assign tokenizer.{role}")
            ends.append([self.special_tokens[self._roles[role]]] if wanted else [])
        return ends


def _strings(value):
    """All str in a structure of dicts and lists, the keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list, tuple)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)


def _listed(texts):
    if isinstance(texts, (str, bytes)) or not hasattr(texts, "__iter__"):
        raise TokenizerError(f"texts must be a list of str; got {type(texts).__name__}")
    return texts


def _one_of(choices, name, value):
    if not isinstance(value, (str, bool, type(None))) or value not in choices:
        raise TokenizerError(f"{name} must be one of {', '.join(map(repr, choices))}; got {str(value)[:40]!r}")
    return value


def _room(max_length, n_added):
    if isinstance(max_length, bool) or not isinstance(max_length, (int, np.integer)) or max_length < max(1, n_added):
        raise TokenizerError(f"truncation and padding to max_length need an int of at least {max(1, n_added)}; "
                             f"got {max_length}; pass max_length, or assign model_max_length")
    return max_length - n_added
