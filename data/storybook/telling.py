"""How facts become sentences: a template language of two signs, and a story that remembers what it has said.

Before this file: `world` and `people`. After it: `story.tell("[One day|Once], {h} went to {p}.")` picks one of the
alternatives in brackets, fills in the facts in braces, and repeats until neither is left, so a fact may itself be a
template.
All chance comes from `rng.random()`, the one method whose sequence Python promises never to change.
"""

import re

from .people import CHARACTERS
from .world import PLACES, SEASONS, THINGS, WARES

ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")            # innermost brackets first, so they nest
NUMBERS = ("none one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
           "seventeen eighteen nineteen twenty").split()
SMALL_WORDS = "a an and at by for from in of on or the to who".split()


def with_article(phrase):
    """Put "a" or "an" before a phrase. By letter is right here: the valley has no hour and no unicorn."""
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def capital(text):
    """Make the first letter a capital, also after an opening quote."""
    return re.sub(r'^"?[a-z]', lambda match: match[0].upper(), text)


def title_case(text):
    """Capitalise a title: every word but the small ones inside it."""
    return capital(" ".join(word if word in SMALL_WORDS else capital(word) for word in text.split()))


def count(n, ware):
    """Say a number of things: count(1, plum) is "one plum", count(3, plum) "three plums"."""
    return f"{NUMBERS[n]} {ware.one if n == 1 else ware.many}"


class Story:
    """One story in the making: its chance, its facts, who owns how much, and the text so far."""

    def __init__(self, rng, season=None):
        self.rng = rng
        self.cast = []                  # everyone in the story, in order of appearance
        self.bag = {}                   # (character, ware) -> how many
        self.loose_ends = []            # templates that the ending must still tell
        self.paragraphs = [[]]
        self.title = self.moral = None
        self.season = season or self.pick(tuple(SEASONS))
        self.facts = {"season": self.season}
        self.hero = self.enter("h")

    # --- chance -------------------------------------------------------------------------------------------------

    def pick(self, items):
        return items[int(self.rng.random() * len(items))]

    def chance(self, probability):
        return self.rng.random() < probability

    def number(self, low, high):
        """A whole number, low and high included."""
        return low + int(self.rng.random() * (high - low + 1))

    # --- facts --------------------------------------------------------------------------------------------------

    def know(self, **facts):
        self.facts.update(facts)

    def enter(self, role, fits=lambda who: True, other_pronoun=False):
        """Choose someone new for a role; with `other_pronoun`, "he" and "she" tell them from the hero."""
        who = self.pick([c for c in CHARACTERS if c not in self.cast and fits(c)
                         and not (other_pronoun and c.he == self.hero.he)])
        self.cast.append(who)
        self.know(**{role: who})
        return who

    def place(self, role="p", not_home_of=None):
        """Choose a place in which the hero does not live already."""
        homes = {self.hero.home, not_home_of and not_home_of.home}
        self.know(**{role: self.pick([place for name, place in PLACES.items() if name not in homes])})
        return self.facts[role]

    def in_season(self, items):
        return [item for item in items if not item.seasons or self.season in item.seasons]

    def ware(self, fits=lambda ware: True):
        """Choose something to count, as the fact `w`: in season, away from home, and not yet in the hero's bag."""
        self.know(w=self.pick([ware for ware in self.in_season(WARES.values())
                               if fits(ware) and ware.where != self.hero.home and ware is not self.hero.favourite]))
        return self.facts["w"]

    def away(self, who):
        """Must their favourite food be fetched? It is in season, and grows neither at their home nor the hero's."""
        food = who.favourite
        return food in self.in_season([food]) and food is not self.hero.favourite and food.where not in (
            who.home, self.hero.home)

    def thing(self, fits=lambda thing: True):
        """Choose something to own: `t` is "kite", `a_t` "a kite", `red_t` "red kite", `a_red_t` "a red kite"."""
        thing = self.pick([thing for thing in self.in_season(THINGS) if fits(thing)])
        red = f"{self.pick(thing.looks)} {thing.name}"
        self.know(t=thing.name, a_t=with_article(thing.name), red_t=red, a_red_t=with_article(red),
                  why=thing.why, use=thing.use, joy=thing.joy)
        return thing

    # --- text ---------------------------------------------------------------------------------------------------

    def expand(self, text, **facts):
        while "[" in text or "{" in text:
            if "[" in text:
                text = ALTERNATIVES.sub(lambda match: self.pick(match[1].split("|")), text)
            else:
                text = text.format(**{**self.facts, **facts})
        return text

    def tell(self, *templates, **facts):
        """Add sentences to the paragraph; each template starts with a capital whatever fills its first gap."""
        self.paragraphs[-1].extend(capital(self.expand(template, **facts)) for template in templates)

    def paragraph(self, *templates, **facts):
        """Begin a new paragraph and tell the templates in it."""
        if self.paragraphs[-1]:
            self.paragraphs.append([])
        self.tell(*templates, **facts)

    def text(self):
        """The title line, then one line for each paragraph."""
        lines = [" ".join(paragraph) for paragraph in self.paragraphs if paragraph]
        return "\n".join([title_case(self.expand(self.title)), *lines])

    # --- arithmetic: the bags hold the truth, the sentences report it --------------------------------------------

    def gain(self, who, ware, n, verb=None):
        """Someone gets n more; if there were some before, the sentence adds them up."""
        before = self.bag.get((who, ware), 0)
        self.bag[who, ware] = before + n
        if before:
            self.tell("[{x} had {old} and {verb} {more} more, so now {x.he} had {sum}.|"
                      "{x} {verb} {more} more. {Had} and {more} make {sum}, so now {x.he} had {new}.]",
                      x=who, verb=verb or ware.verb, more=NUMBERS[n], old=count(before, ware),
                      Had=NUMBERS[before].capitalize(), sum=NUMBERS[before + n], new=count(before + n, ware))
        else:
            self.tell("{x.He} {verb} {got}.", x=who, verb=verb or ware.verb, got=count(n, ware))

    def lose(self, who, ware, n, verb="gave away"):
        """Someone has n fewer; the sentence takes them away."""
        before = self.bag[who, ware]
        self.bag[who, ware] = before - n
        self.tell("[{x} had {old} and {verb} {less}, so now {x.he} had {rest}.|"
                  "{x} {verb} {less} of them. {Had} take away {less} leaves {rest}.]",
                  x=who, verb=verb, less=NUMBERS[n], old=count(before, ware), Had=NUMBERS[before].capitalize(),
                  rest=NUMBERS[before - n])
