"""How Sphinx makes the site (`make docs`)."""

import sys
from pathlib import Path

from qemu_boot_time import __version__

sys.path.insert(0, str(Path(__file__).with_name("_extensions")))

project = "qemu-boot-time"
version = release = __version__
author = project_copyright = "the authors of qemu-boot-time"

extensions = ["myst_parser", "qbt_help"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3  # pages link to each other's headings, as on a forge
nitpicky = True
highlight_language = "text"
smartquotes = False  # two hyphens are two hyphens

html_theme = "furo"
html_title = f"qemu-boot-time {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
