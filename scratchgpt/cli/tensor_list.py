"""What is in a file of weights, told from names and shapes alone: which tensors are alike, and what each is a part of.

Before this file: `checkpoint.safetensors`. After it: the reader can take stock of any model of the field, also of one
that nobody here can run.
"""

import math
import re
from typing import NamedTuple

from ..checkpoint.names import LM_HEAD, OURS, TABLES

# the first line that fits names the part; a name is matched component by component: transformer . h . 0 . ln_1 . weight
PARTS = {"norms": re.compile(r"ln\d*|ln_.*|.*_ln|.*norm(\d*|_f)"),
         "head": re.compile(r"lm_head|head|embed_out|unembed.*|output_projection|generator|cls"),
         "attention": re.compile(r".*attn.*|.*attention.*"),
         "mlp": re.compile(r".*mlp.*|ffn|feed_?forward|.*experts?.*|intermediate|fc\d|denserelu.*"),
         "embeddings": re.compile(r".*embed.*|wte|wpe|shared|table|positions?")}
BUFFERS, OTHER, HEAD, EMBEDDINGS = "buffers", "other", "head", "embeddings"
LONGEST_NAME = 100                                                   # characters


class Group(NamedTuple):
    """Tensors that differ by their numbers only: a name such as h.0..11.ln_1.weight, and what they have in common."""

    name: str
    part: str
    shape: tuple
    dtype: str
    count: int
    parameters: int
    bytes: int


def part_of(name, model_type=None):
    """What a tensor is a part of: "embeddings", "attention", "mlp", "norms", "head", "buffers" or "other".

    name        as the file has it        model_type  of the config, whose files may carry constants: the buffers
    """
    constants = [end for end in TABLES.get(model_type, OURS).constants if end != LM_HEAD]
    if name.endswith(tuple(constants)):
        return BUFFERS
    components = name.lower().split(".")
    return next((part for part, pattern in PARTS.items() if any(map(pattern.fullmatch, components))), OTHER)


def group_tensors(tensors, model_type=None, collapse=True):
    """The tensors as a list of `Group`, embeddings first, then layer by layer, then what has no number, the head last.

    tensors   {name: anything with shape, dtype and nbytes}
    collapse  False: a group for every tensor
    """
    alike = {}
    for name, tensor in tensors.items():
        words = name.split(".")
        pattern = tuple("0" if word.isdecimal() and word.isascii() and len(word) < 10 else word for word in words)
        key = (pattern if collapse else name, tuple(tensor.shape), str(tensor.dtype), part_of(name, model_type))
        alike.setdefault(key, []).append((words, pattern, tensor))
    groups = []
    for (_, shape, dtype, part), members in alike.items():
        parameters = len(members) * math.prod(shape)
        groups.append(Group(_common_name(members), part, shape, dtype, len(members), parameters,
                            sum(tensor.nbytes for _, _, tensor in members)))
    return sorted(groups, key=_reading_order)


def printable(text, longest=LONGEST_NAME):
    """A text from a file as one line that cannot move a terminal's cursor, its end left out if it is long."""
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text)[:longest + 1])
    return text if len(text) <= longest else text[:longest - 1] + "…"


def _common_name(members):
    """h.0.ln_1 and h.1.ln_1 -> h.0..1.ln_1; the name itself where there is only one."""
    (words, pattern, _), *others = members
    if not others:
        return printable(".".join(words))
    columns = zip(*(words for words, _, _ in members))
    return printable(".".join(_ranges(column) if word == "0" else word for word, column in zip(pattern, columns)))


def _ranges(words):
    """The numbers 0 1 2 5 -> 0..2,5."""
    numbers, runs = sorted(set(map(int, words))), []
    for n in numbers:
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ",".join(str(a) if a == b else f"{a}..{b}" for a, b in runs)


def _reading_order(group):
    """Embeddings, layers, the rest, the head; inside by name, numbers by size."""
    numbered = re.search(r"(^|\.)\d", group.name) is not None
    place = 0 if group.part == EMBEDDINGS else 3 if group.part == HEAD else 1 if numbered else 2
    words = [(0, int(word), "") if word.isdigit() else (1, 0, word) for word in re.split(r"(\d+)", group.name)]
    return place, words
