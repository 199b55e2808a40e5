"""Settings of the documentation: ``sphinx-build -W --keep-going docs docs/_build``."""

import re
import sys
from pathlib import Path

import matplotlib

HERE = Path(__file__).parent
# The source tree is documented, with the modules that are built in place, if no fastconv is installed.
sys.path[:0] = [str(HERE)]
sys.path += [str(HERE.parent), str(HERE.parent / "examples")]
matplotlib.use("Agg")

import drawings  # noqa: E402
import scipy.signal  # noqa: E402, F401  # SciPy looks for PyTorch when it is imported: before that is mocked

import fastconv  # noqa: E402

project = "fastconv"
copyright = "the fastconv developers"
version = release = fastconv.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery", "_templates", "jupyter_execute"]
templates_path = ["_templates"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
default_role = "py:obj"
highlight_language = "none"
smartquotes = False
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autosummary_generate = True
# Bridges are documented whether or not what they lead to is installed.
autodoc_mock_imports = ["dask", "jax", "onnx", "torch"]
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_show_inherited_class_members = False
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "filename_pattern": "plot_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "show_memory": False,
    "write_computation_times": False,
    "min_reported_time": 10,
    "plot_gallery": True,
    "image_scrapers": ("matplotlib",),
}

html_theme = "pydata_sphinx_theme"
html_title = "fastconv"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "fastconv"},
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}

drawings.draw(HERE / "_drawings")


def escape_stars(app, what, name, obj, options, lines):
    """Shapes such as ``(N, C, *spatial)`` are no emphasis."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            pieces = line.split("``")  # every other one is literal
            pieces[::2] = (re.sub(r"(?<=[ (])\*(?=\w+[,)])", r"\\*", piece) for piece in pieces[::2])
            lines[i] = "``".join(pieces)


def find_in_package(app, env, node, contnode):
    """What a docstring of ``fastconv.shapes`` calls ``conv2d`` is ``fastconv.conv2d``."""
    target = node.get("reftarget")
    if node.get("refdomain") != "py" or target not in fastconv.__all__:
        return None
    python = env.get_domain("py")
    return python.resolve_xref(
        env, node["refdoc"], app.builder, "obj", f"fastconv.{target}", node, contnode
    )


def setup(app):
    app.connect("autodoc-process-docstring", escape_stars, priority=100)  # before numpydoc reads it
    app.connect("missing-reference", find_in_package)
