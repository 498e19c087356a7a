"""`scratchgpt evaluate`: how well a trained model predicts a text. Before: `training.evaluate`. After: its figures."""

from ..tokenizers import AutoTokenizer
from ..training import evaluate
from .arguments import read_text
from .generate import load_language_model

WINDOW = 1024            # tokens, for a model that has no longest text


def add_to(commands):
    """Add the command to the subparsers `commands`."""
    parser = commands.add_parser("evaluate", help="measure how well a trained model predicts a text",
                                 description="Measure how well a trained model predicts a text: every token but the "
                                             "first, each from what precedes it in its window.")
    parser.add_argument("--model", required=True, metavar="DIR", help="folder that `scratchgpt train` wrote")
    parser.add_argument("text", metavar="TEXT_FILE", help="UTF-8 text")
    parser.set_defaults(run=run)


def run(options):
    """Run the command; returns its exit code."""
    tokenizer, model = AutoTokenizer.from_pretrained(options.model), load_language_model(options.model)
    ids, context = tokenizer(read_text(options.text)).input_ids, model.context or WINDOW
    result = evaluate(model, ids, context)
    print(f"tokens predicted   {result.tokens:,} of {len(ids):,}, in windows of {context}")
    print(f"loss               {result.loss:.4f} nats per token")
    print(f"perplexity         {result.perplexity:.3f}")
    print(f"bits per byte      {result.bits_per_byte(tokenizer.byte_length(ids[1:])):.4f}")
    overlapping = evaluate(model, ids, context, stride=max(1, context // 2))
    print(f"with windows that overlap by half, each token being predicted from at least half a context:\n"
          f"loss               {overlapping.loss:.4f} nats per token")
