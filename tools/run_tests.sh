#!/usr/bin/env bash
# What `make test` runs: the checks, one after the other, and a line for each at the end
bad=0 told=''
step() {
  local name=$1 start=$SECONDS ok='ok    '
  shift
  echo "== $name"
  "$@" || { ok=FAILED; bad=1; }
  told+="$(printf '%s %-42s %4d s' "$ok" "$name" $((SECONDS - start)))"$'\n'
}
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cp -R nbs fmnist_nb settings.ini pyproject.toml "$tree"
same() { (cd "$tree" && "$1") && diff -r -q -x __pycache__ -x '.*' "$2" "$tree/$2" || { echo "run $1"; return 1; }; }

[ "${FMNIST_NB_TIMINGS-}" = 0 ] && races=' (FMNIST_NB_TIMINGS is 0: no races)'
python -c 'from fmnist_nb.download import download; download("mnist")' 2>/dev/null && digits=mnist || no_digits=' (no source of MNIST: no digits)'
step 'fmnist_nb/ is what the notebooks export' same nbdev_export fmnist_nb
step 'notebooks are clean' same nbdev_clean nbs
step 'README.md is fresh' python tools/build_readme.py --check
step "notebooks pass${races-}${no_digits-}" env PYTHONWARNINGS=error nbdev_test --timing --flags "${digits-}"
step 'tests/ pass' pytest -q -rs -n 2 --dist loadfile
printf '\n== summary\n%s' "$told"
exit $bad
