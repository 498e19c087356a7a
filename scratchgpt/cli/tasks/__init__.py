"""What can be learned, one file each. Read in this order: task, text, pairs, translate, answer."""

from .answer import AnswerTask
from .task import Task
from .text import TextTask
from .translate import TranslateTask

TASKS = {"text": TextTask, "translate": TranslateTask, "answer": AnswerTask}
