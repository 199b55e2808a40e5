"""Build script: Cython modules, and one kernel unit per instruction-set level.

Everything declarative is in ``pyproject.toml``. What needs code is here: the kernel units of
``fastconv/_kernels`` are compiled from the same templates once per level, each with flags of its
own, and linked into one extension module. A level that the compiler does not know is left out;
the portable baseline always builds.
"""

import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

PACKAGE = Path("fastconv")
TABLE = "fastconv._kernels.table"
# What Cython's modules have in common is in one of them, which Cython writes, not in each.
COMMON = "fastconv._core._common"
JOBS = int(os.environ.get("FASTCONV_BUILD_JOBS") or len(os.sched_getaffinity(0)))

AVX512 = [
    "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma", "-mavx2",
    "-mprefer-vector-width=512",
]  # fmt: skip
# level -> compiler flags of its kernel unit; the order is that of the run-time table
LEVELS = {
    "baseline": [],
    "neon": ["-march=armv8-a"],
    "avx2": ["-mavx2", "-mfma", "-mf16c"],
    "avx512": AVX512,
    "amx": [*AVX512, "-mamx-tile", "-mamx-bf16"],
    "amx_emulated": ["-O2"],  # for tests: small is better than fast
}
# Without -fno-ivopts GCC spends registers of the innermost loop on addresses, without -fno-schedule-insns
# (as on x86 anyway) on scalars that it loads early, and spills sums. Integers wrap around, as NumPy's do.
OPTIMISE = [
    "-O3", "-std=gnu11", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-fno-ivopts",
    "-fno-schedule-insns", "-fwrapv", "-g0",
]  # fmt: skip
# Threads of our own, or for comparison, and where there are no POSIX threads, those of OpenMP.
OPENMP = os.name == "nt" or os.environ.get("FASTCONV_THREADS") == "openmp"
THREADS = ["-DFC_OPENMP", "-fopenmp"] if OPENMP else ["-pthread"]


def modules():
    """Every ``.pyx`` below the package is an extension module of the same dotted name."""
    yield Extension(COMMON, [COMMON.replace(".", "/") + ".c"], extra_compile_args=["-O2", "-g0"])
    for source in sorted(PACKAGE.rglob("*.pyx")):
        name = ".".join(source.with_suffix("").parts)
        yield Extension(
            name,
            [str(source)],
            include_dirs=[numpy.get_include(), str(PACKAGE / "_kernels")],
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
            extra_compile_args=["-O2", "-g0", *THREADS],
            extra_link_args=THREADS,
            depends=[str(path) for path in PACKAGE.rglob("*.h")],
        )


class BuildKernels(build_ext):
    """Compile kernel units, with the flags of their level, and modules side by side."""

    def build_extensions(self):
        self.check_extensions_list(self.extensions)
        if not self.inplace:  # there, profilers read the names of functions
            for ext in self.extensions:
                ext.extra_link_args.append("-s")
        table = next((ext for ext in self.extensions if ext.name == TABLE), None)
        levels = [level for level, flags in LEVELS.items() if self.compiler_knows(flags)] if table else []
        modules = [ext for ext in self.extensions if ext is not table]
        # The longest jobs first, so that the last ones are short.
        modules.sort(key=lambda ext: -os.path.getsize(ext.sources[0]))
        with ThreadPoolExecutor(JOBS) as pool:
            units = [pool.submit(self.build_unit, table, level) for level in reversed(levels)]
            done = [pool.submit(self.build_extension, ext) for ext in modules]
            if table:
                table.define_macros += [(f"FC_HAVE_{level.upper()}", "1") for level in levels]
                for unit in units:
                    table.extra_objects += unit.result()
                done.append(pool.submit(self.build_extension, table))
            for job in done:
                job.result()

    def build_extension(self, ext):
        print(f"compiling {ext.name}", flush=True)
        super().build_extension(ext)

    def build_unit(self, table, level):
        """The object files of one level's kernels."""
        print(f"compiling kernels for {level}", flush=True)
        return self.compiler.compile(
            [str(PACKAGE / "_kernels" / f"unit_{level}.c")],
            output_dir=self.build_temp,
            include_dirs=[str(PACKAGE / "_kernels")],
            extra_postargs=[*OPTIMISE, "-fPIC", *LEVELS[level]],
            depends=table.depends,
        )

    def compiler_knows(self, flags):
        if not flags:
            return True
        with tempfile.TemporaryDirectory() as folder:
            probe = Path(folder, "probe.c")
            probe.write_text("int main(void) { return 0; }\n")
            # In silence: a level of another architecture is no error.
            asked = [*self.compiler.compiler_so, *flags, "-c", str(probe), "-o", str(probe.with_suffix(".o"))]
            return subprocess.run(asked, stderr=subprocess.DEVNULL).returncode == 0


setup(
    ext_modules=cythonize(
        list(modules()),
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "cdivision": True,
            "initializedcheck": False,
            "freethreading_compatible": True,
        },
        nthreads=JOBS,
        shared_utility_qualified_name=COMMON,
    ),
    cmdclass={"build_ext": BuildKernels},
)
