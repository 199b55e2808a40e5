#!/usr/bin/env bash
# The AArch64 build on another machine: cross-compiled, and run by an emulator.
#
#   tools/aarch64.sh kernels                   every kernel beside the portable ones
#   tools/aarch64.sh python [tests/test_x.py]  the package, and some of its tests, or those that are named
#
# Needs Debian with gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user; for `python` also apt's
# package lists, pip, and an environment that can build the package, by the same Python as Debian's.
# Tests that start a program of their own need binfmt_misc too. Everything is kept in build/aarch64; nothing
# is installed. The emulator is slow: the tests below take the better part of an hour.
set -euo pipefail

TESTS=(
    tests/test_conv_exact.py tests/test_grad_exact.py tests/test_pool.py tests/test_windows.py
    tests/test_winograd.py tests/test_dots.py tests/test_signals.py tests/test_denormals.py
)

cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$PWD/build/aarch64
root=$work/root
mkdir -p "$work"

kernels() {
    local unit units=()
    for unit in baseline neon; do # with the flags that setup.py compiles them with
        aarch64-linux-gnu-gcc -O3 -std=gnu11 -ffp-contract=fast -fno-math-errno -fno-trapping-math \
            -fno-ivopts -fno-schedule-insns -march=armv8-a -c "fastconv/_kernels/unit_$unit.c" -o "$work/unit_$unit.o"
        units+=("$work/unit_$unit.o")
    done
    aarch64-linux-gnu-gcc -O1 -std=gnu11 -Wall -Wextra -Ifastconv/_kernels -DFILL=fc_fill_neon \
        tests/kernels/harness.c "${units[@]}" -static -lm -o "$work/harness"
    qemu-aarch64 "$work/harness"
}

# Debian's Python for AArch64, and wheels of what the tests need.
foreign_python() {
    local version=$1
    local apt=(
        apt-get -qq -y -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root
        -o "Dir::State=$work/apt" -o "Dir::State::status=/dev/null" -o "Dir::Cache=$work/apt" -o Debug::NoLocking=1
    )
    mkdir -p "$work"/apt/{lists,archives}/partial "$root" "$work/wheels"
    "${apt[@]}" update
    "${apt[@]}" install --download-only --no-install-recommends "python$version" "libpython$version-dev" libstdc++6
    for package in "$work"/apt/archives/*.deb; do
        dpkg -x "$package" "$root"
    done
    python -m pip download --quiet --python-version "$version" --only-binary=:all: --dest "$work/wheels" \
        --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux2014_aarch64 \
        "numpy==$(python -c 'import numpy; print(numpy.__version__)')" "scipy>=1.13" "pytest>=8" "hypothesis>=6" "ml_dtypes>=0.4"
    for wheel in "$work"/wheels/*.whl; do
        python -m zipfile -e "$wheel" "$root/packages"
    done
    touch "$root/complete"
}

package() {
    local version
    version=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    [ -e "$root/complete" ] || foreign_python "$version"
    # A copy, as modules of both architectures would share the names of their C sources.
    mkdir -p "$work/source" "$work/sysconfig"
    git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -pu -t "$work/source"
    cp "$root/usr/lib/python$version/_sysconfigdata__aarch64-linux-gnu.py" "$work/sysconfig"
    (
        cd "$work/source"
        PYTHONPATH=$work/sysconfig _PYTHON_SYSCONFIGDATA_NAME=_sysconfigdata__aarch64-linux-gnu \
            _PYTHON_HOST_PLATFORM=linux-aarch64 python setup.py -q build_ext --inplace \
            -I "$root/usr/include/python$version:$root/usr/include"
        export QEMU_LD_PREFIX=$root PYTHONPATH=$root/packages
        qemu-aarch64 "$root/usr/bin/python$version" -m fastconv info
        qemu-aarch64 "$root/usr/bin/python$version" -m pytest "${@:-${TESTS[@]}}"
    )
}

case ${1:-} in
    kernels) kernels ;;
    python) package "${@:2}" ;;
    *) sed -n '2,11s/^# \?//p' "$0" && exit 2 ;;
esac
