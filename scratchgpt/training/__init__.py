"""From tokens to a trained model. Read in this order: batches, evaluate, trainer, state, record, progress."""

from .batches import get_batch, load_tokens, save_tokens, windows
from .evaluate import Evaluation, evaluate
from .progress import Progress
from .record import draw_png, write_csv
from .state import load_state, save_state
from .trainer import Trainer, TrainingConfig
