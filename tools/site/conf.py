"""Sphinx's settings for the course site; `npm run site` stages the pages and calls Sphinx (see site.mjs)."""
project = 'RLHF Labs'
author = 'the authors of RLHF Labs'
html_title = 'RLHF Labs'
extensions = ['myst_nb']
exclude_patterns = ['_build']
language = 'en'
highlight_language = 'typescript'

nb_execution_mode = 'off'
nb_merge_streams = True
myst_heading_anchors = 3
# a cell that the highlighter does not understand is shown all the same
suppress_warnings = ['mystnb.unknown_mime_type', 'myst.header', 'misc.highlighting_failure']

html_theme = 'furo'
html_static_path = ['static']
html_css_files = ['site.css']
html_js_files = [('figures.js', {'defer': 'defer'})]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_use_index = False
html_theme_options = {'footer_icons': [], 'top_of_page_buttons': []}
