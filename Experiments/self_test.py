"""Checks the runner's parts on made-up runs: the order of jobs, the drawn rows, torn rows of a CSV. Then the arithmetic."""

import json
import math
import pathlib
import sys
import tempfile

import comparison
import rows
from plan import Plan
from study import Results, Run, Settings, Test


def finish(results, job, finals):
    kind, key = job
    if kind == "train":
        results.add_run(Run(key, "c", "done", 3.0, {0: 3.0, key.steps: finals[key.rate]}, 0, 10, 300))
    else:
        results.add_test(Test(key, "c", 5, [2, 3], [1.5, 2.25], [1, 0]))


def check_plan(folder):
    settings = Settings()
    rates = settings.rates("gaussian")
    others = settings.rates("lora-one")
    finals = {rate: 1 + abs(math.log(rate / rates[2])) for rate in rates + others}
    hashes = {("home", arm): settings.hash(arm, "d", "m") for arm in ["base", *settings.arms]}
    assert len(set(hashes.values())) == len(hashes), "arms share a hash"
    assert settings.hash("eva", "other rows", "m") != hashes["home", "eva"] != settings.hash("eva", "d", "other model")

    order = []
    while True:
        # Read again each time: what is in memory and what is in the file must be one.
        plan = Plan(settings, Results(folder), ["home"], ["gaussian", "lora-one"], hashes)
        left = plan.left(2)[0]
        assert left == len(rates) + len(others) + 2 * (2 + 3) + 1 - len(order), f"{left} left after {len(order)}"
        ready = plan.ready()
        if not ready:
            break
        order.append(ready[0])
        finish(plan.results, ready[0], finals)
    texts = [f"{kind} {key.arm} {key.rate:g} {key.seed}" for kind, key in order]
    best = f"{rates[2]:g}"
    assert texts[0] == "test base 0 0"
    tried, whole = 1 + len(rates), 1 + len(rates) + 5
    assert texts[1:tried] == [f"train gaussian {rate:g} 1" for rate in rates], texts
    assert sorted(texts[tried:whole]) == sorted([f"train gaussian {best} {s}" for s in (2, 3)]
                                         + [f"test gaussian {best} {s}" for s in (1, 2, 3)]), texts
    assert texts[whole].startswith("train lora-one ") and len(texts) == whole + len(others) + 5
    assert {key.rate for key in plan.forget("home")} == set(rates + others), "adapters that nobody needs are kept"

    longer = Settings(steps=settings.values["longer"]["steps"])
    assert set(longer.arms) == {"gaussian", "lora-one"} and longer.results != settings.results
    assert longer.evaluations()[1].endswith(",80,120,160,200") and not settings.evaluations()

    refused = Plan(settings, Results(folder / "none"), ["home"], ["gaussian", "eva"], hashes)
    refused.refused.add("eva")
    assert {key.arm for _, key in refused.ready()} == {"base", "gaussian"}

    results = Results(folder)
    arm = comparison.collect(settings, results)[0].arms["gaussian"]
    assert (arm.rate, arm.at_edge, len(arm.runs), len(arm.tests)) == (rates[2], None, 3, 3)
    assert arm.tests[0].nll == 0.75 and arm.tests[0].exact == 0.5

    # A row that a crash has torn is neither read nor left before the next one.
    with open(results.run_table.path, "a") as file:
        file.write("home,gaussian,0.")
    again = Results(folder)
    assert len(again.runs) == len(results.runs) == len(rates) + len(others) + 4
    key = plan.key("home", "eva", 1e-3, 1)
    again.add_run(Run(key, "c", "diverged", 3.0, {0: 3.0}, 0, 1, 1))
    assert Results(folder).runs[key].final == float("inf") and len(Results(folder).runs) == len(results.runs) + 1


def check_rows():
    train = [{"prompt": f"p{i % 90}", "completion": f"c{i}"} for i in range(100)]
    test = [{"prompt": f"p{i}", "completion": "t"} for i in range(5)]
    valid, drawn, held = rows.draw(train, None, test, [1, 2], 40, 10, 5)
    assert (len(valid), {seed: len(lines) for seed, lines in drawn.items()}, len(held)) == (10, {1: 40, 2: 40}, 5)
    assert rows.draw(train, None, test, [1, 2], 40, 10, 5) == (valid, drawn, held)
    out = {json.loads(line)["prompt"] for line in valid + held}
    for lines in drawn.values():
        assert len(set(lines)) == 40 and not out & {json.loads(line)["prompt"] for line in lines}
    assert set(drawn[1]) != set(drawn[2])
    try:
        rows.draw(train, None, test, [1], 100, 10, 5)
    except rows.MissingSet:
        pass
    else:
        raise AssertionError("drew more rows than there are")


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        check_plan(pathlib.Path(folder))
    check_rows()
    print("experiments: order, rows and files are right")
    comparison.self_test()
