"""`scratchgpt evaluate`: how well a trained model predicts a text."""

from ..models import GPT2
from ..tokenizers import AutoTokenizer
from ..training import evaluate
from .arguments import read_text


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
    tokenizer, model = AutoTokenizer.from_pretrained(options.model), GPT2.from_pretrained(options.model)
    ids = tokenizer.encode_array(read_text(options.text))
    result = evaluate(model, ids, model.n_positions)
    print(f"tokens predicted   {result.tokens:,} of {len(ids):,}, in windows of {model.n_positions}")
    print(f"loss               {result.loss:.4f} nats per token")
    print(f"perplexity         {result.perplexity:.3f}")
    print(f"bits per byte      {result.bits_per_byte(tokenizer.byte_length(ids[1:])):.4f}")
    overlapping = evaluate(model, ids, model.n_positions, stride=max(1, model.n_positions // 2))
    print(f"with windows that overlap by half, each token being predicted from at least half a context:\n"
          f"loss               {overlapping.loss:.4f} nats per token")
