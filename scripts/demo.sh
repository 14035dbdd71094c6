#!/usr/bin/env bash
# Fine-tunes the default model on samples/home, evaluates it before and after, merges, evaluates again, generates.
#
# Results go to demo/. A finished demo run again only prints them; an interrupted one goes on with the step it was in; when
# the program, the model, the data or the flags have changed, it starts over. Variables:
#   MODEL             base model (default: the one in models/)
#   SCION             the program (default: .build/release/scion)
#   DEMO_ROWS         test rows to evaluate (default 60; the whole test set has 300)
#   DEMO_FLAGS        flags of `scion train`
set -euo pipefail
cd "$(dirname "$0")/.."

MODEL=${MODEL:-models/SmolLM2-135M-Instruct.Q4_1.gguf}
SCION=${SCION:-.build/release/scion}
DEMO_ROWS=${DEMO_ROWS:-60}
DEMO_FLAGS=${DEMO_FLAGS:---init lora-one --epochs 2 --time 6m --batch 16 --lr 2e-3 --seq-len 256 --seed 42}
OUT=demo
started=$SECONDS

say() { printf '\n%s\n' "$*" >&2; }
fail() { echo "demo: $*" >&2; exit 1; }
trap 'echo "demo: interrupted; make demo goes on from here" >&2; exit 130' INT TERM

[ -x "$SCION" ] || fail "$SCION is missing: run make build"
[ -r "$MODEL" ] || fail "$MODEL is missing: run make model, or set SCION_MODEL to a GGUF file"

stamp="$(cat "$SCION" samples/home/*.jsonl | sha256sum | cut -c1-32) $(stat -L -c '%s %Y' "$MODEL") $MODEL $DEMO_ROWS $DEMO_FLAGS"
if [ -d $OUT ] && [ ! -f $OUT/inputs ] && [ -n "$(ls -A $OUT)" ]; then
  fail "the folder $OUT is there and no demo wrote it: move it away"
fi
if [ -d $OUT ] && [ "$(cat $OUT/inputs 2>/dev/null)" != "$stamp" ]; then
  rm -rf $OUT
fi
mkdir -p $OUT
echo "$stamp" >$OUT/inputs
head -n "$DEMO_ROWS" samples/home/test.jsonl >$OUT/test.jsonl

# evaluate NAME arguments: $OUT/NAME-exact.json and, unless that has the loss already, $OUT/NAME-nll.json
evaluate() {
  local name=$1
  shift
  if [ ! -s "$OUT/$name-exact.json" ]; then
    "$SCION" eval "$@" --task exact --max-tokens 96 --data $OUT/test.jsonl --json "$OUT/$name-exact.json" --rows "$OUT/$name-rows.jsonl" >/dev/null
  fi
  if [ ! -s "$OUT/$name-nll.json" ] && ! grep -q nll_per_token "$OUT/$name-exact.json"; then
    "$SCION" eval "$@" --task nll --data $OUT/test.jsonl --json "$OUT/$name-nll.json" >/dev/null
  fi
}

say "1/5  the base model on $DEMO_ROWS held-out requests"
evaluate base -m "$MODEL"

say "2/5  fine-tuning on $(wc -l <samples/home/train.jsonl) requests: two passes, or what six minutes allow"
if [ ! -e $OUT/trained ]; then
  # shellcheck disable=SC2086  # flags are meant to split
  "$SCION" train -m "$MODEL" --data samples/home -o $OUT/adapter --overwrite $DEMO_FLAGS
  touch $OUT/trained
fi

say "3/5  the same requests with the adapter"
evaluate tuned -m "$MODEL" --adapter $OUT/adapter

say "4/5  merging into one Q8_0 model, and the same requests with it alone"
[ -s $OUT/merged.gguf ] || "$SCION" merge -m "$MODEL" --adapter $OUT/adapter -o $OUT/merged.gguf --type q8_0
evaluate merged -m $OUT/merged.gguf

say "5/5  what the merged model says to two requests it has never seen"
python3 - $OUT/test.jsonl <<'PY' >$OUT/prompts
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
wanted = ("create_event", "set_reminder", "play_music")
chosen = [row for row in rows if json.loads(row["completion"])["intent"] in wanted] + rows
for row in chosen[:2]:
    print(row["prompt"])
PY
while IFS= read -r prompt; do
  printf '> %s\n' "$prompt"
  "$SCION" generate -m $OUT/merged.gguf --chat -p "$prompt" --max-tokens 96 </dev/null 2>$OUT/generate.log || {
    cat $OUT/generate.log >&2
    exit 1
  }
  echo
done <$OUT/prompts

MODEL=$MODEL python3 - $OUT <<'PY'
import json, os, pathlib, sys
out = pathlib.Path(sys.argv[1])
def numbers(name):
    result = {}
    for task in ("exact", "nll"):
        path = out / f"{name}-{task}.json"
        if path.exists():
            result.update(json.loads(path.read_text()))
    return result
rows = [("base", "base", os.environ["MODEL"]), ("base + adapter", "tuned", out / "adapter" / "adapter.gguf"),
        ("merged, Q8_0", "merged", out / "merged.gguf")]
print(f"\n{'model':<16}{'nll a token':>12}{'exact match':>13}  file")
for title, name, path in rows:
    n = numbers(name)
    print(f"{title:<16}{n['nll_per_token']:>12.4f}{n['exact_match']:>12.1%}   {path} ({os.path.getsize(path) / 1e6:.1f} MB)")
PY
cat <<END

Adapters          $OUT/adapter/adapter.gguf for llama.cpp, $OUT/adapter/peft/ for PEFT
Loss, recipe      $OUT/adapter/metrics.jsonl, $OUT/adapter/recipe.yaml; the start: $OUT/adapter/init.json
Answers           $OUT/{base,tuned,merged}-rows.jsonl
Try it            $SCION generate -m $OUT/merged.gguf --chat -p "wake me up tomorrow at quarter past six in the morning"
Finished in $((SECONDS - started)) s; run again, only the results are shown.
END
