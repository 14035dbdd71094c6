#!/usr/bin/env python3
"""Writes the sample data set samples/home: spoken requests to a home assistant -> one JSON object.

    generate.py            writes samples/home/{train,valid,test}.jsonl and prints their statistics
    generate.py --check    fails when the files differ from what this program writes
    generate.py --stats    also scores the nearest-neighbour baseline (copy the answer of the most similar train prompt)

Phrases (phrases.py) are expanded, their slots filled from the pools of the split (vocabulary.py), and the result is
spoken (lower case, no punctuation, fillers, corrections) or written. Seeded, and only `random()` is used, whose
sequence Python guarantees: the same bytes everywhere. The guarantees of README.md are asserted on every run.
"""

import collections
import itertools
import json
import math
import pathlib
import random
import re
import sys

import phrases
import vocabulary as words

FOLDER = pathlib.Path(__file__).resolve().parent / "home"
ROWS = {"train": 4000, "valid": 300, "test": 300}
SPLITS = ("train", "valid", "test")
KEYS = (
    "intent title task text person song artist genre playlist item quantity unit list drink cups color percent degrees"
    " minutes label door camera room city day time"
).split()
TEXT_SLOTS = {"task", "note", "message"}
QUESTIONS = set("what what's who when which is are am do does will how should could can would why any have".split())
MOST_WORDS = 30


class Speaker:
    """Draws the rows of one split."""

    def __init__(self, split, seed):
        self.split = split
        self.source = random.Random(seed)

    # MARK: chance

    def chance(self, probability):
        return self.source.random() < probability

    def pick(self, options):
        return options[int(self.source.random() * len(options))]

    def pick_intent(self):
        point = self.source.random() * sum(share for _, share in phrases.INTENTS.values())
        for intent, (_, share) in phrases.INTENTS.items():
            point -= share
            if point < 0:
                return intent
        return intent

    def value(self, pool):
        return self.pick(pool[SPLITS.index(self.values)])

    # MARK: closed slots -> (spoken, normalised)

    def number(self, value):
        return words.spell(value) if self.chance(0.65) else str(value)

    def percent(self):
        value = self.pick([5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95, 100])
        if self.chance(0.2):
            return f"{value}%", value
        return self.number(value) + " percent", value

    def degrees(self):
        value = 15 + int(self.source.random() * 11)
        if self.chance(0.15):
            return words.spell(value) + " and a half degrees", value + 0.5
        return self.number(value) + " degrees", value

    def minutes(self, adjective=False):
        named = {15: "a quarter of an hour", 30: "half an hour", 60: "an hour", 90: "an hour and a half", 120: "two hours"}
        choices = [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 35, 40, 45, 50, 60, 90, 120]
        value = self.pick(choices[:-2] if adjective else choices)
        if not adjective and value in named and (value > 50 or self.chance(0.5)):
            return named[value], value
        return self.number(value) + (" minute" if adjective else " minutes"), value

    def time(self, hours=None, period=True):
        """A time of day. Without a period ("in the evening") the hour must be told by what is said before it."""
        hours = hours or self.hours
        hour = self.pick(hours)
        if hour == 12:
            return "noon", "12:00"
        minute = self.pick([0, 0, 0, 15, 30, 30, 45])
        named = hour + 1 if minute == 45 and hour + 1 in hours and hour + 1 != 12 and self.chance(0.6) else hour
        clock, spoken = (hour - 1) % 12 + 1, words.spell((named - 1) % 12 + 1)
        normal = f"{hour:02d}:{minute:02d}"
        style = self.source.random()
        if named == hour and period and style < 0.12:
            return f"{hour}:{minute:02d}", normal
        if named == hour and period and style < 0.4:
            half = "am" if hour < 12 else "pm"
            return (f"{clock}:{minute:02d} {half}" if minute else f"{clock} {half}"), normal
        if named != hour:
            spoken = "quarter to " + spoken
        elif minute == 15:
            spoken = "quarter past " + spoken if style < 0.8 else spoken + " fifteen"
        elif minute == 30:
            spoken = "half past " + spoken if style < 0.8 else spoken + " thirty"
        elif minute == 45:
            spoken += " forty five"
        if period:
            spoken += " " + self.pick(period_names(named))
        return spoken, normal

    def day(self):
        name = self.pick(["today", "tomorrow", "tomorrow"] + words.WEEKDAYS)
        return name, name.lower()

    def on_day(self):
        name, value = self.day()
        if value in ("today", "tomorrow"):
            return name, value
        return self.pick(["on ", "on ", "this "]) + name, value

    def day_part_time(self):
        """"on monday morning at seven": day and time in one breath."""
        parts = {"morning": range(self.hours[0], 12), "afternoon": range(13, 18), "evening": range(18, 21)}
        if self.chance(0.2):
            spoken, time = self.time(range(18, 23), period=False)
            return self.pick(["tonight at ", "this evening at "]) + spoken, ("today", time)
        part = self.pick(sorted(parts))
        name = self.pick(["tomorrow"] + words.WEEKDAYS)
        day = name.lower()
        spoken, time = self.time(parts[part], period=False)
        return ("" if day == "tomorrow" else "on ") + f"{name} {part} at {spoken}", (day, time)

    # MARK: open slots -> text that is copied

    def person(self):
        name = self.value(words.NAMES)
        style = self.source.random()
        if style < 0.12:
            return name + " " + self.value(words.SURNAMES)
        if style < 0.2:
            return self.pick(["Doctor ", "Coach "]) + self.value(words.SURNAMES)
        if style < 0.28:
            return "Cousin " + name
        return name

    def room(self):
        """With its article: "the kitchen", "Anna's room"."""
        if self.chance(0.25):
            name = self.value(words.NAMES) + "'s room"
            return name, name
        name = self.value(words.ROOMS)
        return "the " + name, name

    def title(self):
        if self.chance(0.15):
            return self.value(words.TITLES)
        return self.value(words.TITLE_MODIFIERS) + " " + self.value(words.TITLE_NOUNS)

    def artist(self):
        if self.chance(0.4):
            return self.value(words.NAMES) + " " + self.value(words.SURNAMES)
        return "The " + self.value(words.SONG_ADJECTIVES) + " " + self.value(words.BANDS)

    def song(self):
        return self.value(words.SONG_ADJECTIVES) + " " + self.value(words.SONG_NOUNS)

    def task(self):
        style, thing = self.source.random(), self.value(words.TASK_OBJECTS)
        if style < 0.15:
            return self.pick(["call ", "visit ", "write to "]) + self.value(words.NAMES)
        if style < 0.3:
            return f"ask {self.value(words.NAMES)} about {thing}"
        return self.value(words.TASK_VERBS) + " " + thing

    def item(self, quantity):
        item = self.value(words.ITEMS)
        if not quantity:
            return item, {"item": item}
        units = next(units for units, endings in words.UNITS if item.endswith(endings))
        unit, count = self.pick(units), 2 + int(self.source.random() * 5)
        return f"{self.number(count)} {words.PLURALS[unit]} of {item}", {"item": item, "quantity": count, "unit": unit}

    # MARK: a row

    def fill(self, slot):
        """What is said for one slot, and the keys it sets."""
        copied = {
            "person": self.person, "song": self.song, "artist": self.artist, "title": self.title, "task": self.task,
            "genre": lambda: self.value(words.GENRES), "playlist": lambda: self.value(words.MOODS),
            "drink": lambda: self.value(words.DRINKS), "color": lambda: self.value(words.COLORS),
            "label": lambda: self.value(words.LABELS), "alarm": lambda: self.value(words.ALARMS),
            "door": lambda: self.value(words.DOORS), "camera": lambda: self.value(words.CAMERAS),
            "city": lambda: self.value(words.CITIES), "list": lambda: self.pick(words.LISTS),
            "note": lambda: self.value(words.NOTE_SUBJECTS) + " " + self.value(words.NOTE_PREDICATES),
            "message": lambda: self.value(words.MESSAGE_STARTS) + " " + self.value(words.MESSAGE_ENDS),
        }
        keys = {"alarm": "label", "note": "text", "message": "text"}
        article, _, base = slot.rpartition("_")
        if slot in copied or article in ("a", "the") and base in copied:
            value = copied[base]()
            spoken = {"": value, "the": "the " + value, "a": ("an " if value[0] in "aeiou" else "a ") + value}[article]
            return spoken, {keys.get(base, base): value}
        if slot == "cups":
            count = 2 + int(self.source.random() * 5)
            return self.number(count) + " cups of", {"cups": count}
        if slot == "quantity":
            return self.item(quantity=True)
        if slot == "item":
            return self.item(quantity=False)
        if slot == "day_part_time":
            spoken, (day, time) = self.day_part_time()
            return spoken, {"day": day, "time": time}
        draw, key = {
            "room": (self.room, "room"), "percent": (self.percent, "percent"), "degrees": (self.degrees, "degrees"),
            "minutes": (self.minutes, "minutes"), "minutes_adjective": (lambda: self.minutes(adjective=True), "minutes"),
            "day_name": (self.day, "day"), "on_day": (self.on_day, "day"), "time": (self.time, "time"),
            "at_time": (self.time, "time"),
        }[slot]
        spoken, value = draw()
        correctable = self.spoken and not self.corrected and slot in ("room", "percent", "on_day", "time")
        if correctable and self.chance(0.05):
            again, other = draw()
            if other != value:
                self.corrected = True
                spoken, value = f"{spoken} {self.pick(phrases.CORRECTIONS)} {again}", other
        return ("at " + spoken if slot == "at_time" else spoken), {key: value}

    def row(self):
        """(prompt, answer, skeleton): the skeleton is the phrase with its slots still open."""
        self.spoken, self.corrected = self.chance(0.6), False
        self.values = self.split if self.split == "train" or self.chance(0.92) else "train"
        source = self.split if self.split == "train" or self.chance(0.58) else "train"
        intent = self.pick_intent()
        self.hours = range(8, 21) if intent.endswith(("event", "calendar")) else range(5, 23)
        skeleton = self.pick(phrases.INTENTS[intent][0][source])
        skeleton = re.sub(r"\[([^\]]*)\]", lambda match: self.pick(match.group(1).split("|")), skeleton)
        skeleton = re.sub(r" +", " ", skeleton).strip().replace("{quantity} {item}", "{quantity}")
        imperative, skeleton = not skeleton.startswith("~"), skeleton.lstrip("~")
        pieces, answer = [], {"intent": intent}
        for piece in re.split(r"(\{\w+\})", skeleton):
            if piece.startswith("{"):
                spoken, keys = self.fill(piece[1:-1])
                pieces.append(spoken)
                answer.update(keys)
            else:
                pieces.extend(piece.split())
        question = skeleton.split()[0] in QUESTIONS and "," not in skeleton
        manner = self.split if self.split == "train" or self.chance(0.5) else "train"
        if imperative and self.chance(0.35):
            request = self.pick(phrases.REQUESTS[manner])
            pieces.insert(0, request)
            question = request.split()[0] in ("could", "can", "would")
        if self.chance(0.2):
            pieces.insert(0, self.pick(phrases.OPENINGS[manner]))
        if imperative and not skeleton.endswith(tuple("{%s}" % slot for slot in TEXT_SLOTS)) and self.chance(0.2):
            pieces.append(self.pick(phrases.ENDINGS[manner]))
        if self.spoken and self.chance(0.25):
            pieces.insert(1 + int(self.source.random() * (len(pieces) - 1)), self.pick(phrases.FILLERS))
        return self.finish(pieces, answer, question) + (skeleton,)

    def finish(self, pieces, answer, question):
        """Spoken: lower case without punctuation. Written: a sentence."""
        prompt = re.sub(r" ,", ",", " ".join(piece for piece in pieces if piece))
        if self.spoken:
            prompt = re.sub(r"[,.?]", "", prompt).lower()
            answer = {key: value.lower() if isinstance(value, str) else value for key, value in answer.items()}
        else:
            prompt, answer = first_person(prompt), {
                key: first_person(value) if isinstance(value, str) else value for key, value in answer.items()}
            prompt = prompt[0].upper() + prompt[1:] + ("?" if question else ".")
        return prompt, {key: answer[key] for key in KEYS if key in answer}


def period_names(hour):
    if hour < 12:
        return ["in the morning"]
    if hour < 18:
        return ["in the afternoon"]
    return ["in the evening"] if hour < 21 else ["in the evening", "at night"]


def first_person(text):
    return re.sub(r"\bi\b", "I", text)


def normalised(prompt):
    return re.sub(r"[^a-z0-9 ]", "", prompt.lower())


def generate():
    """{split: [(prompt, answer, skeleton)]}, no prompt twice in the whole set."""
    rows, seen = {}, set()
    for seed, split in enumerate(SPLITS):
        speaker, rows[split] = Speaker(split, 2026 + seed), []
        while len(rows[split]) < ROWS[split]:
            prompt, answer, skeleton = speaker.row()
            if normalised(prompt) in seen or len(prompt.split()) > MOST_WORDS:
                continue
            seen.add(normalised(prompt))
            rows[split].append((prompt, answer, skeleton))
    return rows


def encode(rows):
    lines = (json.dumps({"prompt": p, "completion": json.dumps(a)}) + "\n" for p, a, _ in rows)
    return "".join(lines).encode()


# MARK: guarantees

def slot_values(rows):
    return {(k, str(v).lower()) for _, answer, _ in rows for k, v in answer.items() if k != "intent"}


def unseen_values(rows, train):
    known = slot_values(train)
    return sum(not slot_values([row]) <= known for row in rows)


def unseen_phrasings(rows, train):
    known = {skeleton for _, _, skeleton in train}
    return sum(skeleton not in known for _, _, skeleton in rows)


def every_phrase(split):
    """All expansions of the split's phrases."""
    result = set()
    for kinds, _ in phrases.INTENTS.values():
        for text in kinds[split]:
            parts = [part.split("|") for part in re.split(r"[\[\]]", text)]
            result |= {" ".join("".join(choice).split()).lstrip("~") for choice in itertools.product(*parts)}
    return result


def check_guarantees(rows):
    train = rows["train"]
    prompts = [normalised(p) for split in SPLITS for p, _, _ in rows[split]]
    assert len(prompts) == len(set(prompts)), "a prompt occurs twice"
    assert {a["intent"] for _, a, _ in rows["test"]} == set(phrases.INTENTS), "an intent is missing in test"
    assert sum(len(encode(rows[split])) for split in SPLITS) < 1_500_000, "the files are too large"
    for split in ("valid", "test"):
        count = len(rows[split])
        assert unseen_values(rows[split], train) >= 0.75 * count, split + ": too few unseen values"
        assert unseen_phrasings(rows[split], train) >= 0.5 * count, split + ": too few unseen phrasings"
        assert not every_phrase("train") & every_phrase(split), split + ": a held-out phrase serves in train"
    times = {a["time"] for _, a, _ in train if "time" in a}
    assert {a["time"] for _, a, _ in rows["test"] if "time" in a} <= times, "a time that train never shows"
    return True


# MARK: statistics

def nearest_neighbour(train, test):
    """Share of test rows answered exactly by the answer of the train prompt with the highest TF-IDF cosine."""
    def terms(prompt):
        tokens = normalised(prompt).split()
        return collections.Counter(tokens + [" ".join(pair) for pair in zip(tokens, tokens[1:])])

    counts = [terms(prompt) for prompt, _, _ in train]
    documents = collections.Counter(term for count in counts for term in count)
    weight = {term: math.log(len(train) / n) + 1 for term, n in documents.items()}
    index = collections.defaultdict(list)
    for row, count in enumerate(counts):
        vector = {term: n * weight[term] for term, n in count.items()}
        norm = math.sqrt(sum(v * v for v in vector.values()))
        for term, v in vector.items():
            index[term].append((row, v / norm))
    exact = intents = 0
    for prompt, answer, _ in test:
        scores = collections.Counter()
        for term, n in terms(prompt).items():
            for row, v in index.get(term, ()):
                scores[row] += n * weight[term] * v
        best = train[max(sorted(scores), key=scores.get)][1] if scores else {}
        exact += best == answer
        intents += best.get("intent") == answer["intent"]
    return exact / len(test), intents / len(test)


def statistics(rows, neighbour):
    train = rows["train"]
    for split in SPLITS:
        lengths = [len(p.split()) for p, _, _ in rows[split]]
        print(
            f"{split:5}  {len(lengths):4} rows  {len(encode(rows[split])) / 1000:4.0f} kB  "
            f"{sum(lengths) / len(lengths):4.1f} words a prompt (at most {max(lengths)})  "
            f"{len({s for _, _, s in rows[split]}):3} phrasings  {len(slot_values(rows[split])):4} slot values"
            + ("" if split == "train" else
               f"  unseen values in {unseen_values(rows[split], train) / len(lengths):.0%} of the rows,"
               f" unseen phrasing in {unseen_phrasings(rows[split], train) / len(lengths):.0%}"))
    print(f"{len(phrases.INTENTS)} intents; a time in {sum('time' in a for _, a, _ in train) / len(train):.0%} of the train rows")
    if neighbour:
        exact, intents = nearest_neighbour(train, rows["test"])
        print(f"nearest neighbour: {exact:.1%} of the test rows exact, intent right in {intents:.1%}")
        assert exact < 0.1, "copying the nearest row scores too high"


def main(arguments):
    if not set(arguments) <= {"--check", "--stats"}:
        sys.exit(__doc__)
    rows = generate()
    check_guarantees(rows)
    if "--check" in arguments:
        for split in SPLITS:
            if (FOLDER / (split + ".jsonl")).read_bytes() != encode(rows[split]):
                sys.exit(f"samples/home/{split}.jsonl differs from what samples/generate.py writes; run it and commit the files")
        print("samples/home is what samples/generate.py writes")
    else:
        FOLDER.mkdir(exist_ok=True)
        for split in SPLITS:
            (FOLDER / (split + ".jsonl")).write_bytes(encode(rows[split]))
    if "--check" not in arguments or "--stats" in arguments:
        statistics(rows, "--stats" in arguments)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main(sys.argv[1:])
