"""Runs cells in a kernel and prints the notebook as JSON, its HTML page in metadata: run.py KERNELS KERNEL < cells.json"""
import json
import os
import sys

os.environ['JUPYTER_PATH'] = sys.argv[1]

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in json.load(sys.stdin)])
NotebookClient(notebook, kernel_name=sys.argv[2], timeout=120, startup_timeout=120).execute()
html, _ = HTMLExporter().from_notebook_node(notebook)
json.dump({'cells': notebook.cells, 'html': html}, sys.stdout)
