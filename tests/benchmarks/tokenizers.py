"""Training and encoding with byte-level BPE, against the tokenizers library and tiktoken, in one process, in turns.

    python -m tests.benchmarks.tokenizers [FILE ...]         needs the `oracles` extra

The text is Python source: that of the standard library, then that of the installed packages; or the files named. Both
sides must learn the same merges and give the same ids; only then are they timed. Ratios above 1 mean that we are
faster. A first encoding starts with nothing remembered; a second one knows the pieces of the first.
"""

import argparse
import os
import sysconfig
import tempfile
import time
from pathlib import Path

os.environ.pop("OPENBLAS_CORETYPE", None)

import numpy as np  # noqa: E402

from scratchgpt.tokenizers import BPETokenizer  # noqa: E402
from scratchgpt.tokenizers.merges.bytes import spell  # noqa: E402
from scratchgpt.tokenizers.pretokenize.patterns import PATTERNS  # noqa: E402
from tests.benchmarks.machine import in_turns, measured_apart, peak_memory  # noqa: E402

MEGABYTE, ROUNDS, SIZES = 1_000_000, 3, (1_000, 8_192, 32_000)
SPECIAL = "<|endoftext|>"


def read(paths, n_bytes):
    """At least n_bytes of the text in the files, or all there is."""
    texts, size = [], 0
    for path in paths:
        data = Path(path).read_bytes()
        try:
            texts.append(data.decode("utf-8"))
        except UnicodeDecodeError:
            continue
        size += len(data)
        if size >= n_bytes:
            break
    return "".join(texts)


def python_sources():
    """Python files of this machine, those of the standard library first."""
    folders = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib")]
    seen = set()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            if path not in seen:
                seen.add(path)
                yield path


def train_theirs(texts, vocab_size, pattern="gpt2"):
    """A tokenizer of the tokenizers library, trained as ours is."""
    import tokenizers
    byte_level = tokenizers.pre_tokenizers.ByteLevel
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE())
    theirs.pre_tokenizer = byte_level(add_prefix_space=False) if pattern == "gpt2" else tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Split(tokenizers.Regex(PATTERNS[pattern]), "isolated"),
        byte_level(add_prefix_space=False, use_regex=False)])
    theirs.train_from_iterator(texts, tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=byte_level.alphabet(), special_tokens=[SPECIAL], show_progress=False))
    return theirs


def tiktoken_of(ours):
    """tiktoken with the same ranks."""
    import tiktoken
    ranks = {ours.token_bytes(i): i for i in range(ours.vocab_size) if i not in ours.special_tokens.values()}
    return tiktoken.Encoding("ours", pat_str=PATTERNS[ours.pattern], mergeable_ranks=ranks,
                             special_tokens=ours.special_tokens)


def compare_training(text):
    """Seconds to learn SIZES tokens from one text, and from its lines, which the other side reads on all cores."""
    lines = text.splitlines(keepends=True)
    for name, texts in (("one text", [text]), (f"{len(lines):,} lines", lines)):
        for size in SIZES:
            ours, theirs = BPETokenizer.train(texts, size, special_tokens=[SPECIAL]), train_theirs(texts, size)
            assert theirs.get_vocab() == {SPECIAL: 0} | {spell(ours.token_bytes(i)): i for i in range(1, size)}
            seconds = in_turns({"ours": lambda: BPETokenizer.train(texts, size, special_tokens=[SPECIAL]),
                                "tokenizers": lambda: train_theirs(texts, size)}, ROUNDS, warmup=0)
            show(f"train {size:6,} tokens from {name}", seconds, goal="at most 0.7 of the time, better 0.4")


def compare_encoding(text, pattern):
    """Seconds to encode one text, and its lines as a batch."""
    ours = BPETokenizer.train(text, 8_192, pattern, special_tokens=[SPECIAL])
    theirs, tiktoken = train_theirs([text], 8_192, pattern), tiktoken_of(ours)
    lines = text.splitlines(keepends=True)
    assert ours.encode(text) == theirs.encode(text).ids == tiktoken.encode(text)
    assert ours.encode_batch(lines) == [row.ids for row in theirs.encode_batch(lines)] == tiktoken.encode_batch(lines)

    def first():
        ours._encoder._forget()
        return ours.encode(text)
    seconds = in_turns({"ours, first": first, "ours, second": lambda: ours.encode(text),
                        "tokenizers": lambda: theirs.encode(text).ids, "tiktoken": lambda: tiktoken.encode(text),
                        "tiktoken, no special tokens": lambda: tiktoken.encode_ordinary(text)}, ROUNDS, warmup=1)
    show(f"encode one text, {pattern}", seconds, of="ours, first", goal="5 times tokenizers, 1.0 times tiktoken")
    seconds = in_turns({"ours": lambda: ours.encode_batch(lines),
                        "tokenizers, all cores": lambda: [row.ids for row in theirs.encode_batch(lines)],
                        "tiktoken, one thread": lambda: tiktoken.encode_batch(lines, num_threads=1)}, ROUNDS, warmup=1)
    show(f"encode {len(lines):,} lines, {pattern}", seconds)
    ids = ours.encode_array(text)
    numbers = ids.tolist()
    show("decode", in_turns({"ours": lambda: ours.decode(ids), "tokenizers": lambda: theirs.decode(numbers),
                             "tiktoken": lambda: tiktoken.decode(numbers)}, ROUNDS, warmup=1))
    short = "The quick brown fox jumps over 13 lazy dogs."
    show("encode 44 characters, 1,000 times", in_turns({
        "ours": lambda: [ours.encode(short) for _ in range(1_000)],
        "tokenizers": lambda: [theirs.encode(short).ids for _ in range(1_000)],
        "tiktoken": lambda: [tiktoken.encode(short) for _ in range(1_000)]}, ROUNDS, warmup=1))


def compare_new_pieces(n=1_300_000):
    """Seconds to encode a text without spaces, of n Han characters in words and sentences, which are nearly all distinct."""
    rng = np.random.default_rng(0)
    characters = np.array([chr(0x4E00 + i) for i in range(3_000)])
    words = ["".join(characters[rng.zipf(1.3, rng.integers(1, 4)) % 3_000]) for _ in range(20_000)]
    sentences = ["".join(words[i] for i in rng.zipf(1.3, rng.integers(3, 13)) % 20_000) for _ in range(n // 8)]
    text = "，".join(sentences)[:n]
    ours = BPETokenizer.train(text[:300_000], 4_096, special_tokens=[SPECIAL])
    theirs, tiktoken = train_theirs([text[:300_000]], 4_096), tiktoken_of(ours)
    assert ours.encode(text) == tiktoken.encode(text)

    def first():
        ours._encoder._forget()
        return ours.encode(text)
    seconds = in_turns({"ours, first": first, "tokenizers": lambda: theirs.encode(text).ids,
                        "tiktoken": lambda: tiktoken.encode(text)}, ROUNDS, warmup=1)
    show(f"encode {len(text.encode()) / 1e6:.1f} MB of Han characters, nearly all pieces new", seconds, of="ours, first")


def show_scaling(paths):
    """Nanoseconds per byte for texts of several sizes, which should be the same."""
    text = read(paths, 100 * MEGABYTE)
    ours = BPETokenizer.train(text[:10 * MEGABYTE], 8_192)
    for size in (1, 10, 100):
        part = text[:size * MEGABYTE]
        started = time.perf_counter()
        ours._encoder._forget()
        ours.encode_array(part)
        print(f"encode {size:3} MB for the first time: {(time.perf_counter() - started) / len(part) * 1e9:.0f} ns/byte")
    for character in ("a", " ", "7", "\n", "字"):
        started = time.perf_counter()
        ours.encode(character * 100_000)
        print(f"encode 100,000 times {character!r}: {time.perf_counter() - started:.2f} s (goal: under 1)")


def show_memory(paths):
    """Peak memory while training on a file of 100 MB."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text.txt"
        path.write_text(read(paths, 100 * MEGABYTE), "utf-8")
        for size in (8_192, 32_000):
            started = time.perf_counter()
            peak = measured_apart(_train, path, size)
            print(f"train {size:,} tokens on a file of {path.stat().st_size / 1e6:.0f} MB: "
                  f"{time.perf_counter() - started:.1f} s, peak memory {peak / 1e9:.2f} GB (goal: under 1.5)")


def _train(path, size):
    BPETokenizer.train(path, size)
    return peak_memory()


def show(what, seconds, of="ours", goal=None):
    """One line: our time, theirs, and their time divided by ours."""
    others = ", ".join(f"{name} {1e3 * time:.0f} ms (ratio {time / seconds[of]:.2f})"
                       for name, time in seconds.items() if name != of)
    print(f"{what}: {of} {1e3 * seconds[of]:.0f} ms, {others}{f' (goal: {goal})' if goal else ''}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="texts; without any, Python source")
    parser.add_argument("--only", choices=["training", "encoding", "new-pieces", "scaling", "memory"])
    options = parser.parse_args()
    paths = options.files or list(python_sources())
    text = read(paths, 10 * MEGABYTE)[:10 * MEGABYTE]
    parts = {"training": lambda: compare_training(text),
             "encoding": lambda: [compare_encoding(text, pattern) for pattern in ("gpt2", "cl100k")],
             "new-pieces": compare_new_pieces, "scaling": lambda: show_scaling(paths), "memory": lambda: show_memory(paths)}
    print(f"{len(text.encode()) / 1e6:.1f} MB of text; NumPy {np.__version__}; medians of {ROUNDS} runs in turns")
    for name in [options.only] if options.only else parts:
        parts[name]()


if __name__ == "__main__":
    main()
