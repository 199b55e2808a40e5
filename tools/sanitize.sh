#!/usr/bin/env bash
# The sanitizers of GCC over a part of the tests: addresses and undefined behaviour in the compiled modules,
# races in the team of threads. Works on a copy of the checkout, in the active environment.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d -t fastconv-sanitize.XXXXXX)
trap 'rm -rf "$work"' EXIT
minutes=${1:-1}

library() { gcc -print-file-name="$1"; }

cd "$here"
git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --create --file=- |
    tar --extract --file=- --directory="$work"
cd "$work"
# Instrumented kernels take minutes to compile at -O3.
sed -i 's/"-O3", /"-O1", /' setup.py
CFLAGS="-fsanitize=address,undefined -fno-omit-frame-pointer" LDFLAGS="-fsanitize=address,undefined" \
    python setup.py build_ext --inplace >build.log 2>&1 || { tail -n 40 build.log; exit 1; }

export PYTHONPATH="$work" FASTCONV_WISDOM=off
sanitized() {
    # libstdc++ comes along: what throws must find it already there.
    LD_PRELOAD="$(library libasan.so) $(library libstdc++.so)" \
        ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 "$@" 2>&1 | tee -a sanitized.log
}
sanitized python -m tests.fuzz --seed "$RANDOM" --minutes "$minutes"
sanitized python -m pytest tests/test_pool.py
sanitized python -m pytest tests/test_conv_exact.py tests/test_grad_exact.py -k "conv_edge or edge or planner"
# The team's harness, with -fsanitize=thread and the others.
python -m pytest tests/test_team.py
if grep -E "runtime error|ERROR: AddressSanitizer" sanitized.log; then
    exit 1
fi
