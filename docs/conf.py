"""How the site is built: `make docs`. It builds and reads without a network."""

import tomllib
from pathlib import Path

project = "mlsd"
author = "the mlsd authors"
copyright = "the mlsd authors; text CC BY 4.0, code MIT"
release = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]["version"]

extensions = ["myst_nb"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks carry their outputs, and `make test` compares them
nb_ipywidgets_js = {}  # these would come from a network

html_theme = "pydata_sphinx_theme"
html_title = "mlsd"
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "navbar_center": [],
    "secondary_sidebar_items": ["page-toc"],
}
templates_path = ["_templates"]
html_sidebars = {"**": ["pages"]}
html_static_path = ["_static"]
html_css_files = ["pages.css"]
