"""What a person sees while a run goes on: a bar on a terminal, plain lines elsewhere.

Before this file: `trainer`, whose `on_step` it serves. After it: a run of hours need not be silent.
"""

import sys
import time


class Progress:
    """`update(loss, tokens)` after every step, `say(line)` in between, `close()` at the end.

    A tqdm bar with loss, tokens/s and time left; plain lines every few seconds where tqdm is absent or `file` is no
    terminal.
    """

    def __init__(self, steps, done=0, file=None, seconds_between_lines=10.0):
        self.file = file or sys.stderr
        self.steps, self.done, self.first = steps, done, done
        self.between, self.started = seconds_between_lines, time.monotonic()
        self.spoken, self.tokens, self.loss = self.started, 0, None
        self.bar = _bar(steps, done, self.file)

    def update(self, loss, tokens):
        """One more step, with its loss in nats per token and its number of tokens."""
        self.done += 1
        self.tokens += tokens
        self.loss = loss if self.loss is None else 0.95 * self.loss + 0.05 * loss       # steadier to read
        now = time.monotonic()
        rate = self.tokens / max(1e-9, now - self.started)
        if self.bar is not None:
            self.bar.set_postfix_str(f"loss {self.loss:.3f}, {rate:,.0f} tokens/s", refresh=False)
            self.bar.update()
        elif now - self.spoken >= self.between:
            self.spoken = now
            left = (now - self.started) / (self.done - self.first) * (self.steps - self.done)
            self.say(f"step {self.done}/{self.steps}  loss {self.loss:.3f}  {rate:,.0f} tokens/s  {left:.0f} s left")

    def say(self, line):
        """Print a line without breaking the bar."""
        if self.bar is not None:
            self.bar.write(line, file=self.file)
        else:
            print(line, file=self.file, flush=True)

    def close(self):
        """Leave the bar as it is, at the end."""
        if self.bar is not None:
            self.bar.close()


def _bar(steps, done, file):
    if not file.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(total=steps, initial=done, unit="step", file=file, dynamic_ncols=True)
