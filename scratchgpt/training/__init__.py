"""From tokens to a trained model.

Read in this order: batches, evaluate, text, pairs, pair_data, trainer, state, predict, record, progress.
"""

from .batches import get_batch, load_tokens, save_tokens, windows
from .evaluate import Evaluation, evaluate
from .pair_data import Answering, PairData, Translation, pair_length
from .pairs import format_pairs, parse_pairs, split_pairs
from .predict import answers, translations
from .progress import Progress
from .record import draw_png, write_csv
from .state import load_state, save_state
from .text import TextData
from .trainer import Trainer, TrainingConfig
