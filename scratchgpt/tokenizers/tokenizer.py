"""What every tokenizer can do, given how it encodes plain text.

Before this file: `vocabulary`, `special`, `chat`, `call`. After it: the reader knows the whole interface. `encode`
turns text into ids and nothing else; a call, `tokenizer(texts)`, also adds the tokens that a model wants around a text,
cuts, pads, and says where each token stands.
"""

import numpy as np

from ..errors import TokenizerError
from .call import PADDING, SIDES, TRUNCATION, Encoding, collate, one_of, room_for, token_spans, truncate
from .chat.templates import render_chat
from .ids import ID_DTYPE, check_text, listed
from .special import choose_special, none_in, split_special
from .vocabulary import Vocabulary


class Tokenizer(Vocabulary):
    """Text to ids. A subclass defines `_encode_plain(texts, dropout, rng)`: a list of str -> the ids of each, a list or
    an array.

    Attributes that a caller may assign, besides the roles bos_token, eos_token, unk_token and pad_token:

    add_bos_token, add_eos_token    bool, whether a call puts bos_token before a text, and eos_token after it
    padding_side, truncation_side   "left" or "right"
    model_max_length                int, the length to which a call truncates, or None
    trim_offsets                    whether the offsets of a token leave out the spaces at its ends: True, False,
                                    or "but first", which keeps a single one before the first token
    chat_template                   what `apply_chat_template` uses: a name, a function, Jinja source, or None
    """

    def __init__(self, spellings, tokens, special_tokens=(), added_tokens=()):
        super().__init__(spellings, tokens, special_tokens, added_tokens)
        self.add_bos_token = self.add_eos_token = self.trim_offsets = False
        self.padding_side = self.truncation_side = "right"
        self.model_max_length = self.chat_template = None

    def encode(self, text, allowed_special=(), disallowed_special="all", dropout=0.0, rng=None):
        """Return text as a list of ids; nothing is added to it.

        text                str
        allowed_special     special tokens to encode as one id each: a collection, or "all"
        disallowed_special  special tokens to refuse in the text: a collection, or "all" (those that are not allowed)
        dropout, rng        BPE-dropout: the probability with which each merge is passed over, drawn from a Generator
        returns             list of int, 0 <= id < vocab_size

        Raises TokenizerError for a disallowed special token, or a lone surrogate, in the text.
        Source: `Encoding.encode` of the tiktoken library; BPE-dropout: Provilkov et al. 2020, arXiv:1910.13267.
        """
        return self.encode_batch([text], allowed_special, disallowed_special, dropout, rng)[0]

    def encode_array(self, text, allowed_special=(), disallowed_special="all", dropout=0.0, rng=None):
        """Return what `encode` does as an int32 array (T,)."""
        ids, = self._encode_texts([text], allowed_special, disallowed_special, dropout, rng)
        return np.asarray(ids, dtype=ID_DTYPE)

    def encode_batch(self, texts, allowed_special=(), disallowed_special="all", dropout=0.0, rng=None):
        """Return a list of what `encode` makes of each text; for many texts this is faster than `encode` for each."""
        return [ids if isinstance(ids, list) else ids.tolist()
                for ids in self._encode_texts(texts, allowed_special, disallowed_special, dropout, rng)]

    def tokenize(self, text, allowed_special=(), disallowed_special="all", dropout=0.0, rng=None):
        """Return the tokens of text as files spell them, a list of str; arguments as in `encode`."""
        return self.convert_ids_to_tokens(self.encode_array(text, allowed_special, disallowed_special, dropout, rng))

    def __call__(self, texts, *, padding=False, truncation=False, max_length=None, padding_side=None,
                 truncation_side=None, add_special_tokens=True, allowed_special=(), disallowed_special="all",
                 dropout=0.0, rng=None):
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
        padding = one_of(PADDING, "padding", padding)
        padding_side = one_of(SIDES, "padding_side", padding_side or self.padding_side)
        cut = one_of(SIDES, "truncation_side", truncation_side or self.truncation_side)
        cut = cut if one_of(TRUNCATION, "truncation", truncation) else None
        if max_length is not None and cut is None and padding != "max_length":
            raise TokenizerError(f"max_length={max_length} needs truncation=True, padding=\"max_length\", or both")
        max_length = self.model_max_length if max_length is None else max_length
        around = [self.convert_tokens_to_ids(end) for end in self._around()] if add_special_tokens else ([], [])
        room = room_for(max_length, sum(map(len, around))) if cut or padding == "max_length" else None
        several = [texts] if isinstance(texts, str) else list(listed(texts))
        encoded = self._encode_texts(several, allowed_special, disallowed_special, dropout, rng)
        rows = [self._row(text, ids, around, cut, room) for text, ids in zip(several, encoded)]
        batch = collate(rows, padding, padding_side, self.pad_token_id, max_length)
        return Encoding(*(batch[name][0] for name in batch.keys())) if isinstance(texts, str) else batch

    def apply_chat_template(self, messages, chat_template=None, add_generation_prompt=False, tokenize=True,
                            **variables):
        """Return a conversation as one text in the form that the model was trained on, or as its ids.

        messages               list of {"role": "system", "user" or "assistant", "content": str}
        chat_template          as in `render_chat`: a name such as "chatml", a function, or Jinja source; None is the
                               tokenizer's own
        add_generation_prompt  whether to open the assistant's next turn
        tokenize               True for a list of ids, in which the template's special tokens are single ids and nothing
                               is added; False for the text
        variables              for a Jinja template, such as tools

        Raises TokenizerError for messages that do not fit, and for a special token in a message or a variable: else
        whoever writes one could speak with another role's voice. (A token that only the template puts together, from
        pieces that it cuts out of a message, is not seen.)
        Source: `apply_chat_template` of the transformers library, which lets special tokens in messages pass.
        """
        template = self.chat_template if chat_template is None else chat_template
        if template is None:
            raise TokenizerError("a chat template is needed; pass chat_template=, or assign tokenizer.chat_template, "
                                 'such as "chatml"')
        roles = {role: token for role, token in self._roles.items() if token is not None}
        text = render_chat(messages, template, add_generation_prompt, **{**roles, **variables})
        if not tokenize:
            return text
        for said in _strings([messages, variables]):
            split_special(said, frozenset(), self._special)
        return self.encode(text, allowed_special="all")

    def _encode_texts(self, texts, allowed_special, disallowed_special, dropout, rng):
        """The ids of each text, a list or an array; what is plain in any of them is encoded together."""
        allowed, disallowed = choose_special(self._special, allowed_special, disallowed_special)
        texts = [check_text(text) for text in listed(texts)]
        if none_in(texts, allowed | disallowed | self._added):
            return self._encode_plain(texts, dropout, rng)
        layout = [list(self._parts(text, allowed, disallowed)) for text in texts]
        plain = [part for parts in layout for kind, part in parts if kind == "plain"]
        plain = iter(self._encode_plain(plain, dropout, rng))
        return [np.concatenate([np.asarray(next(plain) if kind == "plain" else [self._ids[part]], dtype=ID_DTYPE)
                                for kind, part in parts]) for parts in layout]

    def _parts(self, text, allowed, disallowed=frozenset()):
        """Yield ("special", "added" or "plain", part) of a text: special tokens are found first, then added ones."""
        for i, part in enumerate(split_special(text, allowed, disallowed)):
            if i % 2:
                yield "special", part
            else:
                for j, inner in enumerate(split_special(part, self._added, frozenset())):
                    yield "added" if j % 2 else "plain", inner

    def _row(self, text, ids, around, cut, room):
        """The ids of one text and their spans, cut at the side `cut`, unless None, and with what is put around it."""
        ids, (before, after) = np.asarray(ids, dtype=ID_DTYPE), around
        spans = token_spans(text, self._widths(text, ids))
        if cut:
            ids, spans = truncate(ids, room, cut), truncate(spans, room, cut)
        if self.trim_offsets:
            self._trim(ids, spans)
        return np.concatenate([before, ids, after]).astype(ID_DTYPE), np.pad(spans, ((len(before), len(after)), (0, 0)))

    def _widths(self, text, ids):
        """How many bytes of a text each of its tokens covers, (T,)."""
        return self._lengths[ids]

    def _trim(self, ids, spans):
        """Take the white space at the ends of tokens out of their spans, as trim_offsets says."""
        before, after = np.array([self._margins(i) for i in ids.tolist()], dtype=np.int64).reshape(-1, 2).T
        if self.trim_offsets == "but first":
            first = (spans[:, 0] == 0) | (np.arange(len(ids)) == 0)
            before = np.where(first & (before == 1), 0, before)
        spans[:, 0] = np.minimum(spans[:, 0] + before, spans[:, 1])
        spans[:, 1] = np.maximum(spans[:, 1] - after, spans[:, 0])

    def _margins(self, number):
        """How many spaces a token has at its two ends; white space of any kind, if it is found whole."""
        token, blank = self._tokens[number], b" "
        if (spelling := self._spellings[number]) in self._special or spelling in self._added:
            token, blank = spelling, None
        return len(token) - len(token.lstrip(blank)), len(token) - len(token.rstrip(blank))

    def _around(self):
        """The tokens that are put before a text, and after it: two lists of at most one special token."""
        ends = []
        for wanted, role in ((self.add_bos_token, "bos_token"), (self.add_eos_token, "eos_token")):
            if wanted and self._roles[role] is None:
                raise TokenizerError(f"add_{role} needs a {role}; got none; assign tokenizer.{role}")
            ends.append([self._roles[role]] if wanted else [])
        return ends


def _strings(value):
    """All str in a structure of dicts and lists, and what the texts in a list are together."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _strings([*value, *value.values()])
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _strings(each)
        yield "".join(each for each in (item.get("text") if isinstance(item, dict) else item for item in value)
                      if isinstance(each, str))
