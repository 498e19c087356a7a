"""The whole way, scene by scene.

Before this file: its scenes, in the order of the list below. After it: `layers.attention`, read with other eyes.
"""

from . import averages, heads, norms, one_head, scale, small_language

SCENES = (("What a table of pairs cannot know", small_language),
          ("The average of the past, three times", averages),
          ("Weights that depend on the data", heads),
          ("Why 1/sqrt(D)", scale),
          ("LayerNorm beside BatchNorm", norms),
          ("One head learns", one_head))


def main(file=None):
    """Print all scenes to `file`, None being standard output; the same every time.

    Source: as each scene.
    """
    def say(line):
        print(line.rstrip(), file=file)
    for number, (title, scene) in enumerate(SCENES, 1):
        heading = f"{number}. {title}"
        say(f"{heading}\n{'-' * len(heading)}")
        scene.tell(say)
        say("\n" if number < len(SCENES) else "")
    say("From here: scratchgpt/layers/attention.py, where all of this is one class.")
