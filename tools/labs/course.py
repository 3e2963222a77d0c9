"""course: a folder from which nbgrader releases, collects and grades labs, made of the committed solution notebooks."""
from __future__ import annotations

import shutil
from argparse import Namespace
from pathlib import Path

from commands import labs_of, path_of
from notebook import LabError, read, shown, text, write_text

CONFIG = Path(__file__).with_name('nbgrader_config.py')


def course(args: Namespace) -> int:
    """Writes FOLDER/source/NN-title/NN-title.ipynb for each lab, and nbgrader's configuration where there is none."""
    if not args.targets:
        raise LabError('course takes a folder, then labs: npm run labs -- course ../my-course 02 05')
    folder, args.targets = Path(args.targets[0]), args.targets[1:]
    for lab in labs_of(args):
        name = lab.path.stem
        solution, student = read(path_of(args, lab, 'solution')), read(path_of(args, lab, 'student'))
        given = {cell.id: cell.source for cell in student.cells}
        for cell in solution.cells:
            if cell.metadata.get('nbgrader', {}).get('solution'):
                if cell.id not in given:
                    raise LabError(f'{name}: its two notebooks do not belong together: npm run labs -- build {name[:2]}')
                cell.metadata['rlhf-labs-student'] = given[cell.id]
        path = folder / 'source' / name / f'{name}.ipynb'
        write_text(path, text(solution))
        print(f'wrote {shown(path)}')
    if not (folder / CONFIG.name).exists():
        shutil.copyfile(CONFIG, folder / CONFIG.name)
        print(f'wrote {shown(folder / CONFIG.name)}')
    print(f'next, in that folder: nbgrader generate_assignment NAME, autograde NAME, generate_feedback NAME, each as npm --prefix {shown(CONFIG.parents[2])} run nbgrader -- …')
    return 0
