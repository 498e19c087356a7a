"""A run as a folder: what `scratchgpt train` writes, and how it finds its way back in.

    settings.json            the settings of the command line, and the text files
    vocab files              the tokenizer, as its `save_pretrained` writes it
    train.npy validation.npy the tokens
    config.json model.safetensors     the model, for `generate`, `evaluate` and the field's libraries
    training.safetensors     all that --resume needs
    loss.csv loss.png        the record
"""

from pathlib import Path

from ..errors import CheckpointError, ConfigError, DataError
from ..files import read_json, sweep, write_json
from ..models import GPT2, GPT2Config
from ..optim import SCHEDULES, AdamW
from ..tokenizers import AutoTokenizer, BPETokenizer, CharTokenizer
from ..training import (Trainer, TrainingConfig, draw_png, load_state, load_tokens, save_state, save_tokens, write_csv)
from .arguments import generator, read_text

SETTINGS_FILE = "settings.json"
HELD_OUT = 0.1
CHANGEABLE = ("steps", "eval_every")            # settings that a resumed run may be given anew


def default_out(texts):
    """A folder in runs/ that does not exist yet, named after the first text."""
    name = Path(texts[0]).stem if texts else "stories"
    folder, n = Path("runs") / name, 1
    while folder.exists():
        n += 1
        folder = Path("runs") / f"{name}-{n}"
    return folder


def default_texts():
    """The project's own texts: data/*.txt here, or beside the package in a checkout."""
    for folder in (Path("data"), Path(__file__).resolve().parents[2] / "data"):
        texts = sorted(folder.glob("*.txt"))
        if texts:
            return texts
    raise DataError("without a text file, `scratchgpt train` looks for data/*.txt, and found none; name a text file")


class Run:
    """A trainer, its tokenizer, and the folder `out` that both live in."""

    def __init__(self, out, settings, tokenizer, train, validation):
        self.out, self.settings, self.tokenizer = Path(out), settings, tokenizer
        self.trainer = _trainer(settings, tokenizer.vocab_size, train, validation)
        self.saved_step = 0

    @classmethod
    def start(cls, out, texts, settings):
        """Read the texts, learn the tokenizer, and write a folder that can be resumed from its first moment on.

        Raises DataError, ConfigError or TokenizerError before anything is written, for what cannot be trained on;
        CheckpointError if `out` holds a run already.
        """
        out = Path(out)
        if (out / SETTINGS_FILE).exists():
            raise CheckpointError(f"{out} holds a run already; go on with --resume, or name another folder with --out")
        texts = [str(path) for path in texts or default_texts()]
        text = "\n".join(read_text(path) for path in texts)
        cut = len(text) - max(1, round(len(text) * HELD_OUT))
        tokenizer = _tokenizer(settings, text, text[:cut])
        train, validation = tokenizer.encode_array(text[:cut]), tokenizer.encode_array(text[cut:])
        for name, tokens in (("training", train), ("held-out", validation)):
            if len(tokens) <= settings["context"]:
                raise DataError(f"the {name} text must be longer than the context; it has {len(tokens)} tokens for "
                                f"context={settings['context']}: take a longer text or a smaller --context")
        run = cls(out, {**settings, "texts": texts}, tokenizer, train, validation)
        out.mkdir(parents=True, exist_ok=True)
        tokenizer.save_pretrained(out)
        save_tokens(train, out / "train.npy")
        save_tokens(validation, out / "validation.npy")
        run.trainer.train, run.trainer.validation = load_tokens(out / "train.npy"), load_tokens(out / "validation.npy")
        run.save()
        write_json(out / SETTINGS_FILE, run.settings)           # last: its presence says that the folder is complete
        return run

    @classmethod
    def resume(cls, out, texts, given):
        """Open the folder of an earlier run; `given` may change only what is CHANGEABLE."""
        if out is None or not (Path(out) / SETTINGS_FILE).exists():
            raise CheckpointError(f"--resume needs the folder of an earlier run in --out; got {out}")
        out = Path(out)
        settings = read_json(out / SETTINGS_FILE)
        if not isinstance(settings, dict):
            raise CheckpointError(f"{out / SETTINGS_FILE}: must hold an object of settings")
        changed = [key for key, value in given.items() if key not in CHANGEABLE and settings.get(key) != value]
        if changed or texts and [str(path) for path in texts] != settings.get("texts"):
            what = ", ".join(f"--{key.replace('_', '-')}" for key in changed) or "the text files"
            raise ConfigError(f"a resumed run keeps its settings, but for --steps and --eval-every; {what} would differ: "
                              "leave it out, or start anew in another --out")
        settings.update(given)
        sweep(out)
        try:
            run = cls(out, settings, AutoTokenizer.from_pretrained(out), load_tokens(out / "train.npy"),
                      load_tokens(out / "validation.npy"))
        except (KeyError, TypeError) as problem:
            raise CheckpointError(f"{out / SETTINGS_FILE}: a setting is missing or of the wrong kind: {problem}") from None
        load_state(run.trainer, out)
        run.saved_step = run.trainer.step_count
        if run.saved_step >= run.trainer.config.steps:
            raise ConfigError(f"the run in {out} is complete with {run.saved_step} steps; for more, give a larger --steps")
        write_json(out / SETTINGS_FILE, settings)
        return run

    def save(self):
        """Write the state, then the model and the record; each file is whole at every moment."""
        save_state(self.trainer, self.out)
        self.trainer.model.save_pretrained(self.out)
        self.saved_step = self.trainer.step_count
        if self.trainer.history:
            write_csv(self.trainer.history, self.out / "loss.csv")
            draw_png(self.trainer.history, self.out / "loss.png")

    def sample_rng(self):
        """A generator for the sample at the end, apart from the run's own."""
        return generator([self.settings["seed"], 1])

    def describe(self):
        """One line about the run, for the person who started it."""
        trainer, model = self.trainer, self.trainer.model
        return (f"a GPT of {model.num_parameters:,} parameters ({model.config.n_layer} layers, {model.config.n_head} heads, "
                f"{model.config.n_embd} channels, context {model.config.n_positions}) learns from {len(trainer.train):,} "
                f"tokens of {self.tokenizer.vocab_size} kinds; {len(trainer.validation):,} are held out; run in {self.out}")


def _tokenizer(settings, text, train_text):
    kind = settings["tokenizer"]
    if kind == "char":
        return CharTokenizer.train(text)                        # an unseen character would have no id
    if kind == "bpe":
        return BPETokenizer.train(train_text, settings["vocab_size"])
    return AutoTokenizer.from_pretrained(kind)


def _trainer(settings, vocab_size, train, validation):
    s, p = settings, settings["dropout"]
    rng = generator(s["seed"])
    config = GPT2Config(vocab_size=vocab_size, n_positions=s["context"], n_embd=s["n_embd"], n_layer=s["n_layer"],
                        n_head=s["n_head"], resid_pdrop=p, embd_pdrop=p, attn_pdrop=p)
    model = GPT2(config, rng=rng, checkpoint_activations=s["checkpoint_activations"])
    optimizer = AdamW(model.parameters(), s["lr"], (s["beta1"], s["beta2"]), weight_decay=s["weight_decay"])
    floor = {} if s["schedule"] == "constant" else {"min_lr": s["lr"] / 10 if s["min_lr"] is None else s["min_lr"]}
    schedule = SCHEDULES[s["schedule"]](s["lr"], s["steps"], s["warmup"], **floor)
    return Trainer(model, optimizer, schedule, train, validation,
                   TrainingConfig(s["steps"], s["context"], s["batch_size"], s["accumulate"], s["clip"],
                                  s["eval_every"]), rng)
