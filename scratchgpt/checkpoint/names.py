"""What the field calls our parameters, and which way round it keeps them: one table per architecture, data and no code.

Before this file: `module`. After it: the reader can open any file of these models and find each tensor in the code.
Names are translated part by part, so that `h.3.attention.out.weight` becomes `transformer.h.3.attn.c_proj.weight`.
"""

from dataclasses import dataclass, field

LM_HEAD = "lm_head.weight"                          # files may carry it also where it is tied


@dataclass(frozen=True)
class Names:
    """How the files of one architecture name and lay out what our model holds. The default: as we do.

    prefix      of every name, which the files of a model without a head lack
    bare        the names that never have it begin so
    straight    {our part: the field's part} where the numbers lie as ours
    turned      the same, of linear layers that the field stores as (out, in) where ours are (in, out)
    constants   names that end so belong to tensors that files may carry and models may not need: they are passed over
    """

    prefix: str = ""
    bare: tuple = ()
    straight: dict = field(default_factory=dict)
    turned: dict = field(default_factory=dict)
    constants: tuple = ()


GPT2 = Names(
    prefix="transformer.",
    straight={
        "norm1": "ln_1",
        "attention.project.qkv": "attn.c_attn",
        "attention.out": "attn.c_proj",
        "norm2": "ln_2",
        "mlp.up": "mlp.c_fc",
        "mlp.down": "mlp.c_proj",
    },
    constants=(".attn.bias", ".attn.masked_bias", LM_HEAD),
)

LLAMA = Names(
    prefix="model.",
    bare=("lm_head",),
    straight={
        "norm1": "input_layernorm",
        "norm2": "post_attention_layernorm",
        "attention.project.q_norm": "self_attn.q_norm",
        "attention.project.k_norm": "self_attn.k_norm",
    },
    turned={
        "attention.project.q": "self_attn.q_proj",
        "attention.project.k": "self_attn.k_proj",
        "attention.project.v": "self_attn.v_proj",
        "attention.project.project.q": "self_attn.q_proj",              # inside the norms of Qwen3
        "attention.project.project.k": "self_attn.k_proj",
        "attention.project.project.v": "self_attn.v_proj",
        "attention.out": "self_attn.o_proj",
        "mlp.gate": "mlp.gate_proj",
        "mlp.up": "mlp.up_proj",
        "mlp.down": "mlp.down_proj",
        "lm_head": "lm_head",
    },
    constants=(".rotary_emb.inv_freq", LM_HEAD),
)

TABLES = {"gpt2": GPT2, "llama": LLAMA, "mistral": LLAMA, "qwen2": LLAMA, "qwen3": LLAMA}
OURS = Names()                                      # of every other model_type


def to_foreign(tensors, model_type):
    """{our name: tensor} -> {the field's name: tensor as the field lays it out, transposed by a view}."""
    table = TABLES.get(model_type, OURS)
    translated = ((*_translated(name, table), tensor) for name, tensor in tensors.items())
    return {foreign: tensor.T if turned else tensor for foreign, turned, tensor in translated}


def from_foreign(tensors, names, model_type):
    """{the field's name: tensor} -> {our name: tensor as ours lies, transposed by a view}, for our parameters `names`.

    A file without the prefix is read as well. The constants that some files carry are passed over: a head that is tied
    among them, which is there as a second copy of the table. What has no place, or one that is taken, is kept under its
    foreign name in quotes, for `load_state_dict` to list.
    """
    table = TABLES.get(model_type, OURS)
    ours = {foreign: (name, turned) for name in names for foreign, turned in [_translated(name, table)]}
    found = {}
    for foreign, tensor in tensors.items():
        name, turned = ours.get(foreign) or ours.get(table.prefix + foreign) or (None, False)
        if name is not None and name not in found:
            found[name] = tensor.T if turned else tensor
        elif not foreign.endswith(table.constants):
            found[repr(foreign)] = tensor                                # in quotes it is none of our names
    return found


def _translated(name, table):
    """(the field's name, whether its tensor is turned)."""
    prefix = "" if name.startswith(table.bare) else table.prefix
    dotted = f".{name}"                                                  # so that a part may begin the name
    for parts, turned in ((table.straight, False), (table.turned, True)):
        for ours, theirs in parts.items():
            if f".{ours}." in dotted:
                return prefix + dotted.replace(f".{ours}.", f".{theirs}.")[1:], turned
    return prefix + name, False
