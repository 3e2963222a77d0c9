"""new: the source of a lab that builds, runs and passes, with every part a lab has and little in it."""
from __future__ import annotations

from argparse import Namespace
from string import Template

from commands import NAME
from notebook import LabError, shown, write_text

SOURCE = Template('''\
// %% [markdown]
// # Lab $number · $title
//
// **The question of this lab:** how fast does an average settle?
//
// Say here what the reader will know at the end, what the lab leaves out, and how long it takes.

// %%
import { Random, labSeed, show, lines, predict, reveal, claim, todo, check, score } from 'rlhf-labs'

// %% [markdown]
// ## Predict first

// %% promises=["text"]
predict('$id.settle', 'Four times as many draws: how much smaller is the error of their average?', ['half', 'a quarter', 'the same'])

// %% [markdown]
// ## A toy by hand
//
// The average of 1, 2 and 6 is 3. Begin with numbers that the reader can check in their head.

// %% promises=["text"]
console.log((1 + 2 + 6) / 3)

// %% [markdown]
// ### Exercise $id.1
// Write the average of a list of numbers.

// %%
function average(values: number[]): number {
  // BEGIN SOLUTION
  return values.reduce((sum, value) => sum + value, 0) / values.length
  // END SOLUTION
}

// %% promises=["text"]
const reference = (values: number[]) => values.reduce((sum, value) => sum + value / values.length, 0)
const mean = check('$id.1', average, reference, [[[1, 2, 6]], [[-1]], [[0.5, 0.5, 2]]], { hint: 'Add all values, then divide by how many there are.' })

// %% [markdown]
// ## The experiment
//
// A claim is measured here and now, under the seed of the lab, with a margin that seeds 0 to 3 satisfy.

// %%
const random = Random.seed(labSeed())
const draws = (n: number) => Array.from({ length: n }, () => random.normal())
const error = (n: number) => Math.sqrt(mean(Array.from({ length: 400 }, () => mean(draws(n)) ** 2)))
const sizes = [4, 16, 64, 256]
const errors = sizes.map(error)

// %% promises=["figure"]
await show(lines({
  title: 'Four times the draws halve the error', x: { label: 'draws', log: true }, y: { label: 'error of the average', unit: 'σ', log: true },
  lines: [{ name: 'measured', x: sizes, y: errors }, { name: '1/√n', x: sizes, y: sizes.map(n => 1 / Math.sqrt(n)) }],
}))

// %% promises=["text"]
const ratio = errors[0] / errors[1]
claim('four times the draws halve the error', ratio > 1.7 && ratio < 2.3, { ratio: ratio })
reveal('$id.settle', 'half')

// %% [markdown]
// ## What to inspect
//
// | figure | healthy | sick |
// |---|---|---|
// | error at 4n over error at n | 0.5 | 1: the draws are not independent |

// %% [markdown]
// ### Find the bug $id.bug
// This spread should be 0 for equal values and 2 for -2 and 2. What is wrong?

// %%
function spread(values: number[]): number {
  const centre = mean(values)
  // BEGIN SOLUTION
  return Math.sqrt(mean(values.map(value => (value - centre) ** 2)))
  // END SOLUTION
  // STUDENT: return Math.sqrt(mean(values.map(value => value - centre)) ** 2)
}

// %% promises=["text"]
const deviation = (values: number[]) => Math.sqrt(reference(values.map(value => (value - reference(values)) ** 2)))
const safeSpread = check('$id.bug', spread, deviation, [[[1, 1]], [[-2, 2]], [[0, 3, 6]]], { hint: 'What do the differences add up to before they are squared?' })

// %% [markdown]
// ## Recap

// %% promises=["table"]
score()
''')


def new(args: Namespace) -> int:
    """Writes the source of a lab called NN-title; refuses to touch one that is there."""
    if len(args.targets) != 1 or not NAME.match(args.targets[0]):
        raise LabError('new takes one name, NN-title, in small letters, digits and hyphens: npm run labs -- new 17-my-lab')
    name, folder = args.targets[0], args.notebooks / 'src'
    number, _, title = name.partition('-')
    if taken := sorted(folder.glob(f'{number}-*.ts')):
        raise LabError(f'{shown(taken[0])} has that number already')
    path = folder / f'{name}.ts'
    write_text(path, SOURCE.substitute(number=number, id=int(number), title=title.replace('-', ' ').capitalize()))
    print(f'wrote {shown(path)}\nnext: npm run labs -- {number}, then npm run labs -- build {number}')
    return 0
