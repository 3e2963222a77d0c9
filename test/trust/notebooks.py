"""Reads students' notebooks as the scorer does, up to their execution: a line with a file in, a line with what came of it out."""
import json
import resource
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools/labs'))

from commands import emptied
from notebook import LabError, read, text
from score import catalogue, prepared

warnings.simplefilter('ignore')  # nbformat warns of what it mends
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
released, listed = catalogue(Path(__file__).resolve().parents[2] / 'notebooks')[sys.argv[1]]
print(flush=True)
for line in sys.stdin:
    try:
        submitted = emptied(read(Path(line.rstrip('\n'))))
        prepared(submitted, released, listed)
        text(submitted)
        said = {'loaded': len(submitted.cells)}
    except LabError as error:
        said = {'refused': str(error)}
    except BaseException as error:  # whatever else: the scorer would end with a traceback
        said = {'unsound': f'{type(error).__name__}: {error}'[:300]}
    print(json.dumps(said), flush=True)
