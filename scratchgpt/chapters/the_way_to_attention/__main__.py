"""`python -m scratchgpt.chapters.the_way_to_attention`. Before this file: `story`. After it: nothing; it runs."""

import os
import sys

from .story import main

try:
    main()
    sys.stdout.flush()
except BrokenPipeError:                                              # the reader, such as `head`, has left
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
