"""The rows of each set: drawn once, the same on every machine, in folders that `scion train` and `eval` read."""

import hashlib
import json
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parent
PROJECT = FOLDER.parent


class MissingSet(Exception):
    """The set's files are not there; the text says where they were looked for."""


def find(name, kind, data=None):
    """The folder with train.jsonl and test.jsonl of a set. `data` is the folder that the user names."""
    if kind == "project":
        places = [PROJECT / "samples" / name]
    else:
        places = [pathlib.Path(data) / name] if data else [PROJECT.parent / "shared" / "data" / name]
    for place in places:
        if all((place / file).is_file() for file in ("train.jsonl", "test.jsonl")):
            return place
    raise MissingSet(f"{name}: no train.jsonl and test.jsonl in {places[0]}; DATA=path names a folder with {name}/ in it")


def records(path):
    with open(path) as file:
        return [row for row in map(json.loads, file) if row["prompt"].strip() and row["completion"].strip()]


def shuffled(rows, word):
    """A permutation that depends on nothing but the word and the number of rows."""
    return [row for _, row in sorted((hashlib.sha256(f"{word} {i}".encode()).digest(), row)
                                     for i, row in enumerate(map(json.dumps, rows)))]


def draw(train, valid, test, seeds, training_rows, validation_rows, test_rows):
    """Validation rows, training rows of each seed, test rows, as JSON lines.

    Every seed has its own training rows. No prompt of the validation or the test rows is among the training rows.
    """
    chosen = shuffled(valid or train, "validation")[:validation_rows]
    test = [json.dumps(row) for row in test[:test_rows]]
    held_out = {json.loads(line)["prompt"] for line in chosen + test}
    rest = [row for row in train if row["prompt"] not in held_out]
    drawn = {seed: shuffled(rest, f"training {seed}")[:training_rows] for seed in seeds}
    if len(chosen) < validation_rows or any(len(lines) < training_rows for lines in drawn.values()):
        raise MissingSet(f"fewer than {validation_rows} + {training_rows} rows to draw from")
    return chosen, drawn, test


def prepare(name, kind, folder, settings, data=None):
    """Writes seed-N/{train,valid}.jsonl, test.jsonl and exact.jsonl under `folder`; returns a hash of it all."""
    source = find(name, kind, data)
    valid = records(source / "valid.jsonl") if (source / "valid.jsonl").is_file() else None
    values = settings.values
    # As many as the recipe's own steps read, whatever a try shortens them to: each row once.
    chosen, drawn, test = draw(
        records(source / "train.jsonl"), valid, records(source / "test.jsonl"), settings.seeds,
        settings.own_steps * settings.batch, values["validation_rows"], values["likelihood_rows"])
    files = {"test.jsonl": test, "exact.jsonl": test[:values["exact_rows"]]}
    for seed, lines in drawn.items():
        files[f"seed-{seed}/train.jsonl"] = lines
        files[f"seed-{seed}/valid.jsonl"] = chosen
    digest = hashlib.sha256()
    for path, lines in sorted(files.items()):
        text = "".join(line + "\n" for line in lines)
        digest.update(f"{path}\n{text}".encode())
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_file() or target.read_text() != text:
            target.write_text(text)
    return digest.hexdigest()[:12]
