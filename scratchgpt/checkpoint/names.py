"""What the field calls our parameters: one table per architecture, data and no code.

Before this file: `module`. After it: the reader can open any GPT-2 file and find each tensor in the code.
Names are translated part by part, so that `h.3.attention.out.weight` becomes `transformer.h.3.attn.c_proj.weight`.
"""

GPT2 = {
    "norm1": "ln_1",
    "attention.project.qkv": "attn.c_attn",
    "attention.out": "attn.c_proj",
    "norm2": "ln_2",
    "mlp.up": "mlp.c_fc",
    "mlp.down": "mlp.c_proj",
}

# model_type: (prefix of every name, {our part: the field's part}, names of constants that files may carry)
TABLES = {
    "gpt2": ("transformer.", GPT2, (".attn.bias", ".attn.masked_bias", "lm_head.weight")),
    "bigram": ("", {}, ()),
}


def foreign_name(name, model_type):
    """Our parameter's name -> the name in the field's files."""
    prefix, parts, _ = TABLES[model_type]
    for ours, theirs in parts.items():
        name = name.replace(f".{ours}.", f".{theirs}.")
    return prefix + name


def rename(arrays, names, model_type):
    """{the field's name: array} -> {our name: array}, for our parameters `names`.

    A file without the prefix is read as well, and the constants that some files carry are passed over. What has no
    place, or one that is taken, is kept under its foreign name in quotes, for `load_state_dict` to list.
    """
    prefix, _, constants = TABLES[model_type]
    ours = {foreign_name(name, model_type): name for name in names}
    renamed = {}
    for foreign, array in arrays.items():
        full = foreign if foreign in ours else prefix + foreign
        if full in ours and ours[full] not in renamed:
            renamed[ours[full]] = array
        elif not foreign.endswith(constants or ("\0",)):
            renamed[repr(foreign)] = array                       # in quotes it is none of our names
    return renamed
