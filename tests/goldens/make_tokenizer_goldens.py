"""Write `tokenizer_*.json`: a tokenizer of each kind that is read, from the tokenizers library, and ids of some texts.

Run `python -m tests.goldens.make_tokenizer_goldens` where the extra `oracles` is installed. The texts are our own.
"""

import json
from pathlib import Path

HERE = Path(__file__).parent
FILE = "tokenizer_{}.json"
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
           r"|\s*[\r\n]+|\s+(?!\S)|\s+")
CORPUS = """The miller's daughter counted 1234 sacks, and then 1234 sacks more; she doesn't count the torn ones.
"Torn sacks don't count," said the miller. The sacks weren't torn: they'd been sewn in 1999 and again in 2004.
Übermorgen zählt der Müller selbst. Le café est fermé. 粉屋の娘は袋を数えた。\n\n    sacks = [sack for sack in mill if sack]\n"""
TEXTS = [CORPUS, "The miller", " the  miller\n", "", "It'S 12345 <tool>sacks</tool><|end|>", "\r\n\tzählt 🙂 袋",
         "<s>torn</s>"]
SPECIAL = ["<s>", "</s>", "<|end|>"]


def gpt2_kind(tokenizers, corpus, special):
    """ByteLevel cuts and spells; nothing is put around a text."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return _train(tokenizers, tokenizer, tokenizers.processors.ByteLevel(trim_offsets=False), corpus, special)


def llama3_kind(tokenizers, corpus, special):
    """Split cuts, ByteLevel spells, tokens are taken whole, and the first special token is put before a text."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(ignore_merges=True))
    split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(PATTERN), "isolated")
    byte_level = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([split, byte_level])
    around = tokenizers.processors.TemplateProcessing(
        single=f"{special[0]} $A", pair=f"{special[0]} $A {special[0]}:1 $B:1", special_tokens=[(special[0], 0)])
    around = tokenizers.processors.Sequence([tokenizers.processors.ByteLevel(trim_offsets=True), around])
    return _train(tokenizers, tokenizer, around, corpus, special)


KINDS = {"gpt2": gpt2_kind, "llama3": llama3_kind}


def _train(tokenizers, tokenizer, post_processor, corpus, special):
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.train_from_iterator([corpus], tokenizers.trainers.BpeTrainer(
        vocab_size=360, special_tokens=special, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False))
    tokenizer.post_processor = post_processor
    return tokenizer


def make(folder=HERE):
    """Write a file for each kind: the library's tokenizer.json, and its ids, with and without what is added."""
    import tokenizers
    for kind, build in KINDS.items():
        tokenizer = build(tokenizers, CORPUS, SPECIAL)
        tokenizer.add_tokens(["<tool>", "</tool>"])
        golden = {"tokenizer": json.loads(tokenizer.to_str()), "texts": [
            [text, tokenizer.encode(text).ids, tokenizer.encode(text, add_special_tokens=False).ids] for text in TEXTS]}
        text = json.dumps(golden, ensure_ascii=False, separators=(",", ":"))
        (Path(folder) / FILE.format(kind)).write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    make()
