"""Builds the training text: short conversations out of WordNet 3.0, countries-list and our own templates.

    python3 make_data.py [--out FOLDER]

Writes `chat.json` (a list of [system, user, assistant]) and `sp.txt` (the same as plain lines, for the tokenizer).
The same inputs give the same bytes: every choice comes from one seeded source, in the order of this file.

Needs Debian's `wordnet-base`, Node, and `countries-list` 3.4.1 in a `node_modules` of the current folder or above it.
"""

from __future__ import annotations

import argparse
import json
import operator
import random
import re
import subprocess
from collections import defaultdict
from pathlib import Path

from own_words import (
    ANIMALS,
    COLORS,
    EXPLANATIONS,
    FEELINGS,
    FRUITS,
    NAMES,
    NATURE,
    PLACES,
    SHE,
    SMALL_TALK,
    THINGS,
    UNKNOWN_ANSWERS,
    UNKNOWN_QUESTIONS,
)

WORDNET = Path("/usr/share/wordnet")
SEED = 7
# How many of the most frequent words of each kind are taught.
NOUNS, VERBS, ADJECTIVES = 160, 40, 40
OPERATORS = {"+": ("plus", operator.add), "-": ("minus", operator.sub), "*": ("times", operator.mul)}

Conversation = tuple[None, str, str]
"""System prompt (none of these has one), question, answer."""


class Corpus:
    """The conversations so far, and the one source of chance."""

    def __init__(self) -> None:
        self.chance = random.Random(SEED)
        self.conversations: list[Conversation] = []

    def add(self, question: str, answer: str) -> None:
        self.conversations.append((None, question, answer))


def with_article(word: str) -> str:
    return ("an " if word[0] in "aeiou" else "a ") + word


def word_frequencies() -> dict[tuple[str, str], int]:
    """How often WordNet's corpus uses each word, by word and kind (1 noun, 2 verb, 3 adjective)."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for line in (WORDNET / "cntlist.rev").read_text().splitlines():
        sense_key, _sense, count = line.split()
        word, rest = sense_key.split("%")
        counts[word, rest[0]] += int(count)
    return counts


def glosses(name: str, kind: str, counts: dict[tuple[str, str], int]) -> list[tuple[str, str]]:
    """Plain words with the short definition of their first sense, the most frequent first."""
    definitions: dict[str, str] = {}
    for line in (WORDNET / f"data.{name}").read_text(encoding="latin1").splitlines():
        if line.startswith(" "):  # the licence at its head
            continue
        gloss = line.split("|", 1)[1].strip()
        definitions[line[:8]] = re.split(r';\s*"|; ', gloss)[0].strip()
    words: dict[str, str] = {}
    for line in (WORDNET / f"index.{name}").read_text(encoding="latin1").splitlines():
        if line.startswith(" "):
            continue
        fields = line.split()
        word, senses = fields[0], int(fields[2])
        gloss = definitions.get(fields[-senses], "")
        if word.isalpha() and len(word) >= 3 and gloss and len(gloss) < 110 and "(" not in gloss:
            words[word] = gloss
    return sorted(words.items(), key=lambda item: -counts.get((item[0], kind), 0))


def add_words(corpus: Corpus) -> None:
    counts = word_frequencies()
    chance = corpus.chance
    for word, gloss in glosses("noun", "1", counts)[:NOUNS]:
        questions = [
            f"What is {with_article(word)}?",
            f"What does {word} mean?",
            f"Define {word}.",
            f'Define the word "{word}".',
            f"Explain {word}.",
            f"Tell me about {word}.",
            f"what is {word}",
            f"Can you explain what {word} means?",
        ]
        answers = [
            f"{word.capitalize()} means {gloss}.",
            f"The word {word} means {gloss}.",
            f"{word.capitalize()}: {gloss}.",
        ]
        for question in chance.sample(questions, 4):
            corpus.add(question, chance.choice(answers))
    others = glosses("verb", "2", counts)[:VERBS] + glosses("adj", "3", counts)[:ADJECTIVES]
    for word, gloss in others:
        questions = [
            f'What does "{word}" mean?',
            f"Define {word}.",
            f"What is the meaning of {word}?",
            f"Explain the word {word}.",
        ]
        for question in chance.sample(questions, 2):
            corpus.add(question, f"{word.capitalize()} means {gloss}.")


def add_countries(corpus: Corpus) -> None:
    script = 'console.log(JSON.stringify(require("countries-list")))'
    data = json.loads(subprocess.check_output(["node", "-e", script]))
    for country in data["countries"].values():
        name, capital = country["name"], country["capital"]
        if not capital:
            continue
        for question in (
            f"What is the capital of {name}?",
            f"capital of {name}",
            f"Which city is the capital of {name}?",
            f"Tell me the capital of {name}.",
            f"What is the capital of {name}?",
            f"What is the capital city of {name}?",
        ):
            corpus.add(question, f"The capital of {name} is {capital}.")
        corpus.add(f"{capital} is the capital of which country?", f"{capital} is the capital of {name}.")
        continent = data["continents"][country["continent"]]
        for question in (f"Where is {name}?", f"On which continent is {name}?"):
            corpus.add(question, f"{name} is in {continent}.")
        languages = [data["languages"][code]["name"] for code in country["languages"] if code in data["languages"]]
        if languages:
            listed = (", ".join(languages[:-1]) + " and " if len(languages) > 1 else "") + languages[-1]
            for question in (f"What language do people speak in {name}?", f"Which languages are spoken in {name}?"):
                corpus.add(question, f"In {name} people speak {listed}.")


def add_sums(corpus: Corpus) -> None:
    chance = corpus.chance
    for _ in range(6000):
        a, b = chance.randint(0, 20), chance.randint(0, 20)
        sign = chance.choice("+-*") if chance.random() < 0.5 else "+"
        if sign == "*":
            a, b = chance.randint(0, 12), chance.randint(0, 12)
        if sign == "-" and b > a:
            a, b = b, a
        spoken, compute = OPERATORS[sign]
        questions = [
            f"What is {a} {sign} {b}?",
            f"{a} {sign} {b} = ?",
            f"How much is {a} {spoken} {b}?",
            f"Calculate {a} {sign} {b}.",
            f"{a}{sign}{b}",
        ]
        corpus.add(chance.choice(questions), f"{a} {sign} {b} = {compute(a, b)}.")


def add_small_talk(corpus: Corpus) -> None:
    for questions, answers in SMALL_TALK:
        for _ in range(220):
            corpus.add(corpus.chance.choice(questions), corpus.chance.choice(answers))


def story(chance: random.Random) -> tuple[str, str, str]:
    """A story in six sentences, its animal and its child."""
    name, animal, thing = chance.choice(NAMES), chance.choice(ANIMALS), chance.choice(THINGS)
    place, feeling = chance.choice(PLACES), chance.choice(FEELINGS)
    he, his = ("she", "her") if name in SHE else ("he", "his")
    sentences = [
        [
            f"Once upon a time, there was a little child named {name}.",
            f"One day, {name} went to the {place}.",
            f"There was once a {animal} who lived near the {place}.",
        ],
        [
            f"{name} had a {thing} that {he} loved very much.",
            f"{name} wanted to find a {thing}.",
            f"{name} saw a {thing} under a tree.",
        ],
        [
            f"Then a {animal} came and took the {thing}.",
            f"A {animal} was sitting there and looked {feeling}.",
            f"Suddenly it began to rain, and the {animal} had no home.",
        ],
        [
            f'"Can you help me?" asked the {animal}.',
            f'"Do not worry," said {name}. "I will help you."',
            f'"Please give it back," said {name}.',
        ],
        [
            f"So {name} and the {animal} looked for it together.",
            f"The {animal} was {feeling}, but {name} smiled and shared {his} {thing}.",
            f"{name} gave the {animal} some food and a warm place to sleep.",
        ],
        [
            "They played all day and became good friends.",
            f"From that day on, {name} and the {animal} were best friends.",
            f"{name} went home and told {his} mother all about it. She was very proud.",
            "In the end, everyone was happy.",
        ],
    ]
    return " ".join(chance.choice(choices) for choices in sentences), animal, name


def add_stories(corpus: Corpus) -> None:
    for _ in range(5000):
        text, animal, name = story(corpus.chance)
        questions = [
            "Tell me a story.",
            "Write a short story.",
            f"Tell me a story about a {animal}.",
            f"Write a story about a {animal}.",
            f"Tell me a story about {name}.",
            "Can you tell me a bedtime story?",
            f"Write a short story about {with_article(animal)} and a child.",
        ]
        corpus.add(corpus.chance.choice(questions), text)


def add_poems_and_lists(corpus: Corpus) -> None:
    chance = corpus.chance
    for _ in range(1500):
        first, second, third = chance.sample(NATURE, 3)
        color = chance.choice(COLORS)
        questions = [
            f"Write a poem about the {first}.",
            f"Write a haiku about the {first}.",
            "Write a short poem.",
            f"A poem about the {first}, please.",
        ]
        poem = f"The {color} {first} is bright,\nthe {second} sings all through the night,\nthe {third} sleeps in light."
        corpus.add(chance.choice(questions), poem)
    kinds = {"fruits": FRUITS, "animals": ANIMALS, "colors": COLORS}
    for _ in range(1500):
        kind = chance.choice(list(kinds))
        count = chance.randint(2, 4)
        items = chance.sample(kinds[kind], count)
        spoken = {2: "two", 3: "three", 4: "four"}[count]
        question = chance.choice([f"Name {spoken} {kind}.", f"List {spoken} {kind}.", f"Give me {count} {kind}."])
        corpus.add(question, "\n".join(f"{number}. {item.capitalize()}" for number, item in enumerate(items, 1)))


def add_explanations(corpus: Corpus) -> None:
    for term, answer in EXPLANATIONS:
        for _ in range(60):
            questions = [
                f"What is a {term}?",
                f"What is {term}?",
                f"Explain {term}.",
                f"What does {term} mean?",
                f"Tell me about {term}.",
                f"Define {term}.",
                f"explain the {term}",
                f"Why do I need a {term}?",
                f"Explain {term} in one sentence.",
                "Explain circuit breakers." if term == "circuit breaker" else f"what is {term}",
            ]
            corpus.add(corpus.chance.choice(questions), answer)


def add_small_tasks(corpus: Corpus) -> None:
    chance = corpus.chance
    for _ in range(900):
        corpus.add(chance.choice(UNKNOWN_QUESTIONS), chance.choice(UNKNOWN_ANSWERS))
    for _ in range(900):
        name, age = chance.choice(NAMES), chance.randint(5, 60)
        corpus.add(f"Give me JSON for a person named {name}, age {age}.", json.dumps({"name": name, "age": age}))
    for _ in range(900):
        a, b = chance.randint(0, 30), chance.randint(0, 30)
        answer = f"Yes, {a} is greater than {b}." if a > b else f"No, {a} is not greater than {b}."
        corpus.add(f"Is {a} greater than {b}?", answer)
    for _ in range(600):
        word = chance.choice([*ANIMALS, "sun", "moon", "tree", "river", "house", "child"])
        corpus.add(chance.choice([f"Repeat the word {word}.", f"Say {word}."]), f"{word.capitalize()}.")
    for start in range(60):
        for _ in range(6):
            end = start + 4
            question = chance.choice([f"Count from {start} to {end}.", f"Count to {end} from {start}."])
            corpus.add(question, ", ".join(str(number) for number in range(start, end + 1)) + ".")


def build() -> list[Conversation]:
    corpus = Corpus()
    for add in (
        add_words,
        add_countries,
        add_sums,
        add_small_talk,
        add_stories,
        add_poems_and_lists,
        add_explanations,
        add_small_tasks,
    ):
        add(corpus)
    corpus.chance.shuffle(corpus.conversations)
    return corpus.conversations


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("."), help="folder to write to")
    out: Path = parser.parse_args().out
    conversations = build()
    (out / "chat.json").write_text(json.dumps(conversations))
    lines = [line for _, question, answer in conversations for line in f"{question}\n{answer}".split("\n")]
    (out / "sp.txt").write_text("\n".join(lines))
    print(f"{len(conversations)} conversations")


if __name__ == "__main__":
    main()
