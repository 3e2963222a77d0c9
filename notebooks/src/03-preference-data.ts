// %% [markdown]
// # Lab 03 · Preference data: what a label is worth
//
// **The question of this lab:** somebody hands you a file with ten thousand preferences. Can you train on it, and can you believe the accuracy you will measure on it?
//
// A reward model learns what is in its labels: the policy of your help desk, but also an annotator's haste, a taste for long answers, and every row that was sent twice. None of this raises an error. You find it by looking, and this lab gives you the instruments: gates, splits, duplicates, agreement, bias tests, a dashboard.
//
// You work on the desk of lab 01, where the true reward is known, so that you can see what each defect costs. And on two published data sets: PandaLM, 999 comparisons with three human votes each, and LLMBar, 419 pairs of which many were built to fool a judge. The lab takes about 50 minutes to read and some twenty seconds to compute.

// %%
import {
  ready, labSeed, Random, show, showVolatile, lines, ranking, bars, dataQuality, progress, predict, reveal, claim, todo, check, score,
  readRows, validateRows, gateLine, checkRow, clonePath, type PreferencePair, type ValidationReport,
  groupSplit, rowSplit, promptOverlap, splitLine, findDuplicates, nearDuplicates, normalised, winner, provenance,
  drawPrompts, demonstrate, annotate, gold, features, FAIR, ANNOTATORS, type Prompt, type Dials,
  winProbability, logisticRegression, cohenKappa, confusion, fleissKappa, krippendorffAlpha, labelCounts,
  bootstrap, wilsonInterval, positionBias, swapTest,
  pandaLm, llmBar, majorityVote, wordCount, LLMBAR_PARTS, type PandaLmItem,
  claimTable,
} from 'rlhf-labs'

// %% [markdown]
// ## Predict first
//
// Put your letter as the last argument of each call and run the cell.

// %% promises=["text"]
predict('3.leak',
  'A data set has several pairs for each prompt. You hold out a quarter of its rows, drawn at random, and test your ' +
  'scorer on them. How does this accuracy compare with the accuracy on prompts that are really new?',
  ['about the same', 'one to five points too high', 'more than five points too high'])

// %% promises=["text"]
predict('3.longer',
  'Three people compared two replies, 999 times over. How often is the reply that most of them chose the longer one?',
  ['about half the time', 'about two times in three', 'nearly always'])

// %% promises=["text"]
predict('3.rubric', 'Team A has a clear rubric and careless people: 40% of its labels are tosses of a coin. Team B has ' +
  'careful people and an ambiguous rubric: half of them reward length, markup, agreement and confidence. ' +
  'Each sends 3,200 labels. Whose labels train the better scorer?', ['team A’s', 'team B’s', 'no difference'])

// %% [markdown]
// ## The five fields
//
// One comparison is one row: `prompt_id`, `prompt`, `chosen`, `rejected`, `label`. The label is 1 when `chosen` was preferred and 0 when `rejected` was. Many files leave the label out and mean 1; many logs write the reply that was shown first under `chosen`, and then the label decides. Always ask which of the two you have.

// %% promises=["text"]
const row = {
  prompt_id: 'damaged-1', prompt: 'My order arrived damaged. What now?',
  chosen: 'Please send us a photo of the damage. We will send you a replacement today.',
  rejected: 'Please wait another week.', label: 1,
}
const fields = ['prompt_id', 'prompt', 'chosen', 'rejected', 'label']
const present = fields.every(name => name in row)
const distinct = row.chosen !== row.rejected, binary = row.label === 0 || row.label === 1
console.log(`by hand: fields present ${present}, two different replies ${distinct}, label 0 or 1 ${binary}`)

// %% [markdown]
// Three gates, all passed. The library's validator asks the same of every row of a file, and says which gate comes next:

// %% promises=["text"]
async function validate(rows: Parameters<typeof validateRows>[0], file: string): Promise<ValidationReport> {
  let last: ValidationReport | undefined
  for await (const report of validateRows(rows, file)) last = report
  return last!
}
const gates = gateLine(await validate([{ row: 1, share: 1, fields: row }], 'one row'))
console.log(gates)
const expected = 'fields_present=True distinct_responses=True binary_label=True ' +
  'next_gate=group prompt_id before train/eval split'
claim('the damaged order passes all three gates', gates === expected, { rows: 1 })

// %% [markdown]
// Real files are not so kind. `data/damaged-log.jsonl` has eight rows, and only the first one is sound. Open it beside this notebook and try to find the seven faults before you run the next cell.

// %% promises=["table", "text"]
const report = await validate(readRows(clonePath('data', 'damaged-log.jsonl')), 'damaged-log.jsonl')
await show(report.problems.map(problem => ({
  row: problem.row, field: problem.field || 'the whole row', found: problem.field ? problem.found : 'no JSON', expected: problem.expected,
})), { caption: report.file })
console.log(gateLine(report))
claim('one row of eight is sound, and every fault is named by row and field',
  report.rows === 8 && report.validRows === 1 && report.problems.length === 7,
  { rows: report.rows, valid: report.validRows, problems: report.problems.length })

// %% [markdown]
// Row 4 is the sly one: its replies differ by two blanks. A person who is asked to choose between equal replies tosses a coin, and the model is asked to find a reason for it.
//
// ### Exercise 3.1
// Write the check of one row: the names of the fields that are wrong, in the order of `fields`. The first four must be text that is not blank; the label must be the number 0 or 1; `rejected` is wrong when it is the same as `chosen`, apart from blanks.

// %%
function wrongFields(row: Record<string, unknown>): string[] {
  // BEGIN SOLUTION
  const blank = (value: unknown) => typeof value !== 'string' || value.trim() === ''
  const wrong = ['prompt_id', 'prompt', 'chosen', 'rejected'].filter(name => blank(row[name]))
  if (row.label !== 0 && row.label !== 1) wrong.push('label')
  const readable = !blank(row.chosen) && !blank(row.rejected)
  const words = (value: unknown) => String(value).trim().split(/\s+/).join(' ')
  const same = readable && words(row.chosen) === words(row.rejected)
  return same ? [...wrong, 'rejected'] : wrong
  // END SOLUTION
}

// %% promises=["text"]
const byLibrary = (candidate: Record<string, unknown>) =>
  checkRow({ row: 1, share: 1, fields: candidate }, 'a file').problems.map(problem => problem.field)
const variants: Record<string, unknown>[] = [
  row, { ...row, chosen: '  ' }, { ...row, label: '1' }, { ...row, label: 0.5 }, { ...row, label: true },
  { ...row, prompt_id: 7 }, { ...row, rejected: ` ${row.chosen.replace(' ', '  ')}` }, { prompt: 'Hello?' },
]
const yourGate = check('3.1', wrongFields, byLibrary, variants.map((v): [Record<string, unknown>] => [v]), {
  hint: 'A missing field is undefined, which is no text. 0.5, "1" and true are not the number 0 or 1.',
  level: 'foundational',
})

// %% [markdown]
// Then there is real data. PandaLM's test set is fetched by commit and checksum, or read from a mirror. Where neither can be had, the lab uses the votes and lengths in `data/`; the figures below are the same.

// %% promises=["text"]
const { items, rows: pandaRows } = await pandaLm()
const empty = items.filter(i => i.words.includes(0)), untyped = items.filter(i => i.text.includes(false))
claim('a published test set has rows that fail the gates', empty.length === 54 && untyped.length === 6, {
  rows: items.length, 'with an empty reply': empty.length, 'with a reply that is no text': untyped.length,
})

// %% [markdown]
// The six replies that are no text were the word *true*, written without quotes: JSON made a boolean of it. Where the full file could be had, you can watch the validator find them:

// %% promises=["text"]
const asPairs = (pandaRows ?? []).map((r, i) => ({
  row: i + 1, share: 1, fields: { prompt_id: `${i}`, prompt: r.instruction, chosen: r.response1, rejected: r.response2, label: 1 },
}))
const found = await validate(asPairs, 'PandaLM')
const kinds = found.counts.map(c => `  ${c.rows} × ${c.field}: expected ${c.expected} (first in row ${c.firstRow})`)
showVolatile(pandaRows ? [`${found.rows} rows, ${found.validRows} valid`, ...kinds].join('\n') : 'No full file, no report.',
  'The validator on PandaLM: <shown where the full file can be had>')

// %% [markdown]
// ## The split
//
// Three pairs: reply a against b and a against c for prompt p1, and d against e for prompt p2. Hold p1 out.

// %% promises=["text"]
const toy = [['p1', 'a', 'b'], ['p1', 'a', 'c'], ['p2', 'd', 'e']].map(([id, chosen, rejected]): PreferencePair =>
  ({ prompt_id: id, prompt: `prompt ${id}`, chosen: chosen, rejected: rejected, label: 1 }))
const line = splitLine(groupSplit(toy, ['p1']))
console.log(line)
claim('both pairs of p1 go to the same side', line === 'eval_pairs=2 train_pairs=1 prompt_overlap=[]', { pairs: toy.length })

// %% [markdown]
// ### Exercise 3.2
// Write that split. All pairs of a held-out prompt go to `eval`, all others to `train`. One more thing: the third case of the check has the same prompt, word for word, under two ids. If one of them is held out, the other must be, too.

// %%
type Split = { train: PreferencePair[]; eval: PreferencePair[] }
function splitByPrompt(pairs: PreferencePair[], heldOut: string[]): Split {
  // BEGIN SOLUTION
  const texts = pairs.filter(p => heldOut.includes(p.prompt_id)).map(p => p.prompt)
  const held = (p: PreferencePair) => heldOut.includes(p.prompt_id) || texts.includes(p.prompt)
  return { train: pairs.filter(p => !held(p)), eval: pairs.filter(held) }
  // END SOLUTION
}

// %% promises=["text"]
const byGroups = (pairs: PreferencePair[], heldOut: string[]) => groupSplit(pairs, heldOut) as Split
const twin = [...toy, { ...toy[2], prompt_id: 'p3' }, { ...toy[0], prompt_id: 'p4', prompt: 'another' }]
const splitCases: [PreferencePair[], string[]][] = [[toy, ['p1']], [toy, ['p2']], [twin, ['p3']], [twin, ['p1', 'p2']]]
const yourSplit = check('3.2', splitByPrompt, byGroups, splitCases, {
  hint: 'Collect the texts of the held-out prompts first. Then a pair is held out by its id or by its text.',
  level: 'foundational',
})

// %% [markdown]
// ### What a leak costs
//
// Now measure it. A hundred prompts of the desk, six replies each, and a fair annotator compares every two of the six. The scorer is cheap, and it can do both things a reward model can: a weight for every sentence (which carries over to other prompts), and one for every sentence *on this prompt* (which is memory).

// %%
const random = Random.seed(labSeed()).split('lab 03')
function allPairs(prompts: Prompt[], replies: number, r: Random): PreferencePair[] {
  return prompts.flatMap(prompt => {
    const drawn = [...new Set(Array.from({ length: replies }, () => demonstrate(prompt, r).text))]
    return drawn.flatMap((a, i) => drawn.slice(i + 1).map((b): PreferencePair => ({
      prompt_id: prompt.id, prompt: prompt.text, chosen: a, rejected: b, label: annotate(prompt, a, b, FAIR, r),
    })))
  })
}
const data = allPairs(drawPrompts(100, random.split('prompts')), 6, random.split('pairs'))
const fresh = allPairs(drawPrompts(300, random.split('new'), { heldOut: true }), 3, random.split('new pairs'))

// %% [markdown]
// It is trained as in lab 02: each pair pushes the weights of the winner up and of the loser down, by the probability that the scorer gave to the wrong outcome.

// %%
type Weights = Map<string, number>
const sentences = (id: string, reply: string) => reply.split(/ [.?] ?/).filter(Boolean).flatMap(s => [s, `${id}: ${s}`])
const total = (w: Weights, clues: string[]) => clues.reduce((sum, clue) => sum + (w.get(clue) ?? 0), 0)
const add = (w: Weights, clues: string[], by: number) => clues.forEach(clue => w.set(clue, (w.get(clue) ?? 0) + by))
const sides = (p: PreferencePair) => [sentences(p.prompt_id, p.chosen), sentences(p.prompt_id, p.rejected)]
function train(pairs: readonly PreferencePair[], r: Random): Weights {
  const w: Weights = new Map(), rows = pairs.map(p => ({ label: p.label, sides: sides(p) }))
  for (let epoch = 0; epoch < 8; epoch++) for (const { label, sides: [a, b] } of r.shuffle(rows)) {
    const push = 0.1 * (label - winProbability(total(w, a) - total(w, b)))
    add(w, a, push)
    add(w, b, -push)
  }
  return w
}

// %%
await ready()
const accuracyOf = (w: Weights, pairs: readonly PreferencePair[]) => pairs.filter(p => {
  const [a, b] = sides(p)
  return (total(w, a) > total(w, b)) === (p.label === 1)
}).length / pairs.length
const trials: { row: number; rowNew: number; group: number; groupNew: number }[] = []
for await (const k of progress(6, 'splits drawn, scorers trained')) {
  const byRow = rowSplit(data, 0.25, k), byPrompt = groupSplit(data, 0.25, k), r = random.split(`shuffle ${k}`)
  const [one, two] = [train(byRow.train, r), train(byPrompt.train, r)]
  trials.push({
    row: accuracyOf(one, byRow.eval), rowNew: accuracyOf(one, fresh),
    group: accuracyOf(two, byPrompt.eval), groupNew: accuracyOf(two, fresh),
  })
}

// %% promises=["figure"]
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
const over = (key: 'row' | 'rowNew' | 'group' | 'groupNew') => 100 * mean(trials.map(t => t[key]))
await show(bars({
  title: 'A row-level split promises an accuracy that new prompts do not keep',
  x: { label: 'how the data were split' }, y: { label: 'accuracy', unit: '%', range: [0, 100] },
  categories: ['by row', 'by prompt'], text: v => v.toFixed(1),
  bars: [
    { name: 'on its held-out pairs', y: [over('row'), over('group')] },
    { name: 'on new prompts', y: [over('rowNew'), over('groupNew')] },
  ],
}))

// %% promises=["text"]
const inflation = over('row') - over('rowNew'), honest = over('group') - over('groupNew')
const leaked = promptOverlap(rowSplit(data, 0.25, 0)).length
claim('a split by rows inflates held-out accuracy, a split by prompts does not', inflation > 8 && Math.abs(honest) < 5, {
  'points too high, by row': inflation, 'points off, by prompt': honest, 'prompts on both sides, by row': leaked,
})
claim('both scorers are equally good; only the exam differs', Math.abs(over('rowNew') - over('groupNew')) < 4, {
  'by row, new prompts': over('rowNew'), 'by prompt, new prompts': over('groupNew'),
})
reveal('3.leak', inflation > 5 ? 'C' : inflation > 1 ? 'B' : 'A')

// %% [markdown]
// The leak did not make the scorer worse. It made the exam easy: whoever has learned "a beats b" and "b beats c" on a prompt can answer "a or c?" from memory. You would have shipped it believing in a figure that no customer will ever see.
//
// PandaLM needs the same care. Its 999 rows are about far fewer prompts:

// %% promises=["text"]
const perPrompt = new Map<number, PandaLmItem[]>()
for (const item of items) perPrompt.set(item.prompt, [...perPrompt.get(item.prompt) ?? [], item])
const groups = [...perPrompt.values()], shared = groups.filter(g => g.length > 1).flat().length
claim('nearly all rows of PandaLM share their prompt with another row', groups.length === 170 && shared > 980, {
  rows: items.length, prompts: groups.length, 'rows that share a prompt': shared,
})

// %% [markdown]
// ## A log from the desk
//
// Now a log as a desk would write it. Three hundred cases with two replies each, and three annotators: Ana is fair, Ben likes long replies, and Cem is in a hurry: he tosses a coin in four cases of ten, and leans to the reply that he sees first. Each sees the two replies in an order of their own, and the reply shown first is written under `chosen`.

// %%
const hands: Record<string, Partial<Dials>> = { ana: {}, ben: { length: 2 }, cem: { noise: 0.4, position: 4 } }
const names = Object.keys(hands)
type Case = { prompt: Prompt; a: string; b: string; votes: (0 | 1)[]; better: 0 | 1 }
type LogRow = PreferencePair & { at: number }
const log: LogRow[] = [], cases: Case[] = [], desk = random.split('desk')
for (const prompt of drawPrompts(360, desk.split('prompts'))) {
  const [a, b] = [demonstrate(prompt, desk).text, demonstrate(prompt, desk).text]
  const [rewardA, rewardB] = [gold(prompt, a).total, gold(prompt, b).total]
  if (rewardA !== rewardB && normalised(a) !== normalised(b) && cases.length < 300) {
    cases.push({ prompt: prompt, a: a, b: b, votes: [], better: rewardA > rewardB ? 1 : 0 })
  }
}

// %%
for (const [at, { prompt, a, b, votes }] of cases.entries()) for (const name of names) {
  const aFirst = desk.uniform() < 0.5, [first, second] = aFirst ? [a, b] : [b, a]
  const label = annotate(prompt, first, second, hands[name], desk)
  votes.push(aFirst ? label : label === 1 ? 0 : 1)                      // 1: a won
  log.push({
    prompt_id: prompt.id, prompt: prompt.text, chosen: first, rejected: second, label: label, annotator: name,
    generator: 'clerks', rubric: at < 200 ? 'v1' : 'v2', at: at,
  })
}

// %% [markdown]
// And now we damage it, as real logs are damaged, and remember what we did.

// %%
const spoil = (r: Random): { rows: LogRow[]; planted: Record<string, number> } => {
  const order = r.shuffle(log.map((_, i) => i)), take = (n: number) => order.splice(0, n)
  const rows: LogRow[] = [...log]
  for (const i of take(14)) rows.push({ ...rows[i] })
  for (const i of take(9)) rows.push({ ...rows[i], label: rows[i].label === 1 ? 0 : 1 })
  for (const i of take(7)) rows[i] = { ...rows[i], rejected: `** ${rows[i].chosen.toUpperCase()} **` }
  for (const i of take(12)) rows[i] = { ...rows[i], annotator: undefined }
  for (const i of [3, 50, 97, 144, 191]) rows[3 * i] = { ...rows[3 * i], prompt_id: log[3 * i + 3].prompt_id }
  const long = cases.flatMap((c, i) => c.prompt.text.split(' ').length > 18 ? [3 * i + 1] : []).slice(20, 26)
  for (const i of long) rows.push({ ...log[i], prompt_id: `${log[i].prompt_id}-again`, prompt: `${log[i].prompt} thanks` })
  return { rows: rows, planted: { twice: 14, flipped: 9, same: 7, nobody: 12, clash: 5, copies: 6 } }
}
const { rows: dirty, planted } = spoil(random.split('spoil'))

// %% [markdown]
// ## Duplicates, contradictions, ties
//
// Two rows ask the same thing when they have the same prompt and the same two replies, whichever stands first, and however the words are decorated.
//
// ### Exercise 3.3
// Write that test. `normalised(text)` gives lower case, without punctuation, markup and extra blanks.

// %%
function sameComparison(x: PreferencePair, y: PreferencePair): boolean {
  // BEGIN SOLUTION
  const replies = (p: PreferencePair) => [normalised(p.chosen), normalised(p.rejected)].sort().join(' | ')
  return normalised(x.prompt) === normalised(y.prompt) && replies(x) === replies(y)
  // END SOLUTION
}

// %% promises=["text"]
const byReport = (x: PreferencePair, y: PreferencePair) => {
  const { duplicates, contradictions, ties } = findDuplicates([x, y])
  return duplicates.length + contradictions.length + ties.length > 0
}
const [p, q] = toy, turned: PreferencePair = { ...p, chosen: p.rejected, rejected: p.chosen, label: 0 }
const sameCases: [PreferencePair, PreferencePair][] =
  [[p, p], [p, q], [p, turned], [p, { ...p, chosen: '**A**' }], [p, { ...p, prompt: 'Prompt p1!', label: 0 }], [p, { ...p, prompt: 'p1' }]]
const isSame = check('3.3', sameComparison, byReport, sameCases, {
  hint: 'Sort the two normalised replies, so that the order does not matter. The label does not matter either.',
  level: 'intermediate',
})

// %% [markdown]
// Who repeats whom matters. Two annotators on one comparison are what you pay for; one annotator twice is a defect. So look within each annotator first. The library tells *duplicates* (same winner again) from *ties* (won once by each) and *contradictions* (won by both, one more often).

// %%
const within = [...names, undefined].map(name => findDuplicates(dirty.filter(r => r.annotator === name)))
const across = findDuplicates(dirty), nobody = provenance(dirty).annotator.get('') ?? 0
const count = (key: 'duplicates' | 'ties' | 'contradictions') => within.reduce((sum, w) => sum + w[key].length, 0)
const tickets = [...new Map(dirty.map(r => [r.prompt_id, r.prompt])).values()]
const near = nearDuplicates(tickets, { threshold: 0.7 })
const again = near.filter(n => tickets[n.b] === `${tickets[n.a]} thanks`)
const checks: [string, number, number][] = [
  ['sent twice', planted.twice, count('duplicates')],
  ['gave both answers', planted.flipped, count('ties') + count('contradictions')],
  ['same but for markup', planted.same, across.nearTies.length],
  ['no annotator', planted.nobody, nobody], ['id of another prompt', planted.clash, across.clashingIds.length],
  ['copied prompt', planted.copies, again.length],
]

// %% promises=["table"]
await show(checks.map(([defect, put, seen]) => ({ defect: defect, 'put in': put, found: seen })))
claim('every planted defect is found, and nothing else', checks.every(([, put, seen]) => put === seen), {
  rows: dirty.length, 'comparisons won by both replies, all annotators together': across.contradictions.length + across.ties.length,
})

// %% [markdown]
// Near-copies need another instrument. Equality fails at the first changed word, so `nearDuplicates` compares runs of three words (Broder's MinHash finds the candidates, then each is compared exactly). Besides the six copies that we planted, it finds prompts that are just alike:

// %% promises=["table"]
const alike = near.filter(n => !again.includes(n)).sort((x, y) => y.similarity - x.similarity || x.a - y.a || x.b - y.b)
await show([...again.slice(0, 1), ...alike.slice(0, 3)].map(n => ({
  'one prompt': tickets[n.a], another: tickets[n.b], similarity: n.similarity,
})), { caption: `${near.length} pairs of prompts at least 70% alike, of ${tickets.length} prompts`, digits: 2 })

// %% [markdown]
// Look at them before you delete. Some are the same case with another greeting. Others differ in the one word that matters: "2 days late" and "12 days late" share most of their words, and one customer waits while the other gets the money back. Word overlap finds candidates; a person decides. But copies must not stand on two sides of a split, and a split by `prompt_id` cannot see them, since a copy has an id of its own:

// %% promises=["text"]
const sideOf = new Map(groupSplit(dirty, 0.25).eval.map(r => [r.prompt, 'eval']))
const apart = near.filter(n => sideOf.get(tickets[n.a]) !== sideOf.get(tickets[n.b])).length
claim('a split by prompt still leaves near-copies on both sides', apart > 0, { 'near-copies': near.length, 'on both sides': apart })

// %% [markdown]
// **Provenance** is the last of the cheap checks. Which annotator, which generator, which version of the rubric? Without it you cannot take back one annotator's labels.

// %% promises=["table"]
const origin = provenance(dirty)
await show((['annotator', 'generator', 'rubric'] as const).flatMap(field =>
  [...origin[field]].map(([value, rows]) => ({ field: field, value: value || '(none)', rows: rows }))))

// %% [markdown]
// ## Agreement
//
// Two annotators agree in 90% of the cases. Is that good? If both say "1" in 90% of the cases and never look, they agree in 0.9² + 0.1² = 82%. Cohen's kappa asks how much of what chance leaves over they have won:
//
// κ = (observed agreement − chance agreement) / (1 − chance agreement)
//
// Chance is what two people with these two sets of habits would agree on by luck: for each label, the product of the shares with which the two give it, summed over labels.
//
// ### Exercise 3.4
// Write Cohen's kappa of two lists of labels.

// %%
function kappa(a: number[], b: number[]): number {
  // BEGIN SOLUTION
  const share = (labels: number[], label: number) => labels.filter(x => x === label).length / labels.length
  const observed = a.filter((x, i) => x === b[i]).length / a.length
  const chance = [...new Set([...a, ...b])].reduce((sum, label) => sum + share(a, label) * share(b, label), 0)
  return (observed - chance) / (1 - chance)
  // END SOLUTION
}

// %% promises=["text"]
const byCohen = (a: number[], b: number[]) => cohenKappa(a, b)
const kappaCases: [number[], number[]][] = [
  [[1, 1, 1, 1, 1, 1, 1, 1, 1, 2], [1, 1, 1, 1, 1, 1, 1, 1, 2, 1]], [[1, 2, 0, 1], [1, 2, 0, 1]],
  [[1, 1, 2, 2], [1, 2, 1, 2]], [[0, 1, 2, 2, 1], [0, 2, 2, 2, 1]],
]
const yourKappa = check('3.4', kappa, byCohen, kappaCases, {
  hint: 'In the first case they agree in 8 of 10, chance gives 0.9·0.9 + 0.1·0.1 = 0.82, so κ is a little below 0.',
  level: 'intermediate',
})

// %% [markdown]
// Now PandaLM's three annotators. A vote is 1 or 2 for the better reply, or 0 for a tie.

// %% promises=["table", "text"]
const votesOf = (k: number) => items.map(i => i.votes[k] as number), pairsOfThree = [[0, 1], [0, 2], [1, 2]]
const table = confusion(votesOf(0), votesOf(1)), says = ['a tie', 'the first', 'the second']
await show(table.counts.map((counts, i) => ({
  'annotator 1 says': says[i], ...Object.fromEntries(counts.map((n, j) => [`2 says ${says[j]}`, n])),
})))
const kappas = pairsOfThree.map(([i, j]) => cohenKappa(votesOf(i), votesOf(j)))
claim('the published agreement: κ .852, .879, .862',
  kappas.map(k => k.toFixed(3)).join(' ') === '0.852 0.879 0.862' && kappas.every((k, n) =>
    Math.abs(k - yourKappa(votesOf(pairsOfThree[n][0]), votesOf(pairsOfThree[n][1]))) < 1e-9),
  { '1 and 2': kappas[0], '1 and 3': kappas[1], '2 and 3': kappas[2] })

// %% [markdown]
// For more than two annotators there is **Fleiss' kappa**, which takes chance from the labels of all. **Krippendorff's alpha** corrects for small samples and allows gaps, so take it when not everybody has seen everything. How sure are these figures? The bootstrap draws comparisons anew. But comparisons of one prompt belong together, so we draw whole prompts. Compare both:

// %%
await ready()
const measures: [string, (some: readonly PandaLmItem[]) => number][] = [
  ...pairsOfThree.map(([i, j]): [string, (some: readonly PandaLmItem[]) => number] =>
    [`Cohen, ${i + 1} and ${j + 1}`, some => cohenKappa(some.map(s => s.votes[i]), some.map(s => s.votes[j]))]),
  ['Fleiss, all three', some => fleissKappa(labelCounts(some.map(s => s.votes)))],
  ['Krippendorff, all three', some => krippendorffAlpha(some.map(s => s.votes))],
]
const byItem: ReturnType<typeof bootstrap>[] = [], byPromptDrawn: ReturnType<typeof bootstrap>[] = []
for await (const k of progress(measures.length, 'measures bootstrapped')) {
  const statistic = measures[k][1], draw = random.split(`bootstrap ${k}`)
  byItem.push(bootstrap(items, statistic, draw, { resamples: 200 }))
  byPromptDrawn.push(bootstrap(groups, some => statistic(some.flat()), draw, { resamples: 200 }))
}

// %% promises=["figure"]
await show(ranking({
  title: 'PandaLM: whatever the measure, three people agree far above chance',
  x: { label: 'agreement beyond chance, with 95% interval' },
  entries: measures.map(([name], k) => ({ name: name, ...byPromptDrawn[k] })),
}))

// %% promises=["text"]
const [fleiss, alpha] = byPromptDrawn.slice(3).map(b => b.value)
const widening = mean(byPromptDrawn.map((b, k) => b.standardError / byItem[k].standardError))
claim('all measures say 0.86, give or take 0.03; drawing prompts gives wider intervals', widening > 1.15 && [...kappas, fleiss, alpha].every(v => Math.abs(v - 0.865) < 0.03), {
  'Fleiss': fleiss, 'Krippendorff': alpha, 'lowest end of an interval': Math.min(...byPromptDrawn.map(b => b.low)),
  'standard error, prompts drawn over items drawn': widening,
})

// %% [markdown]
// ### Agreement is not truth
//
// People who share a bias agree about it. On the desk we can put figures on that: two fair annotators, then two who both reward length, markup, agreement and confidence, then one of each, all on the same 300 cases.

// %% promises=["table", "text"]
const voteAs = (dials: Partial<Dials>, r: Random) => cases.map(c => annotate(c.prompt, c.a, c.b, dials, r) as number)
const rightShare = (votes: readonly number[]) => mean(votes.map((v, i) => v === cases[i].better ? 1 : 0))
const teams = ([['both fair', FAIR, FAIR], ['both biased', ANNOTATORS.biased, ANNOTATORS.biased],
  ['one of each', FAIR, ANNOTATORS.biased]] as const).map(([team, one, two]) => {
  const r = random.split(team), a = voteAs(one, r), b = voteAs(two, r)
  return { annotators: team, agreement: mean(a.map((v, i) => v === b[i] ? 1 : 0)), kappa: cohenKappa(a, b), right: (rightShare(a) + rightShare(b)) / 2 }
})
await show(teams, { digits: 3 })
const [fairTeam, biasedTeam] = teams
claim('a shared bias hides from kappa', biasedTeam.kappa > fairTeam.kappa - 0.1 && biasedTeam.right < fairTeam.right - 0.04, {
  'κ of the biased': biasedTeam.kappa, 'κ of the fair': fairTeam.kappa,
  'right, biased': biasedTeam.right, 'right, fair': fairTeam.right,
})

// %% [markdown]
// ## Longer, and better?
//
// In PandaLM, take the comparisons in which at least two of three chose the same reply, and the replies differ in length (in words). How often did the longer one win?
//
// ### Find the bug
//
// This function answers it for any log. It gives a share that looks reasonable. Yet it is wrong on every log in which `chosen` only means "shown first".

// %%
function longerShare(pairs: PreferencePair[]): number {
  const uneven = pairs.filter(p => wordCount(p.chosen) !== wordCount(p.rejected))
  const longer = uneven.filter(p => {
    // BEGIN SOLUTION
    const [won, lost] = p.label === 1 ? [p.chosen, p.rejected] : [p.rejected, p.chosen]
    // END SOLUTION
    // STUDENT: const [won, lost] = [p.chosen, p.rejected]
    return wordCount(won) > wordCount(lost)
  })
  return longer.length / uneven.length
}

// %% promises=["text"]
const byWinner = (pairs: PreferencePair[]) => {
  const uneven = pairs.filter(pair => wordCount(pair.chosen) !== wordCount(pair.rejected))
  const longest = (pair: PreferencePair) => Math.max(wordCount(pair.chosen), wordCount(pair.rejected))
  return uneven.filter(pair => wordCount(winner(pair)) === longest(pair)).length / uneven.length
}
const benRows = log.filter(r => r.annotator === 'ben').map(({ at: _, ...pair }): PreferencePair => pair)
const share = check('3.bug', longerShare, byWinner, [[benRows.slice(0, 40)], [benRows]], {
  hint: 'Which field says who won? Look at a row with label 0.', level: 'advanced',
})

// %% promises=["text"]
const asPair = (i: PandaLmItem): PreferencePair[] => {
  const won = majorityVote(i.votes), reply = (n: number) => 'word '.repeat(n)
  return won ? [{ prompt_id: `${i.prompt}`, prompt: 'in numbers', chosen: reply(i.words[0]), rejected: reply(i.words[1]), label: won === 1 ? 1 : 0 }] : []
}
const decided = items.flatMap(asPair), full = items.filter(i => !i.words.includes(0)).flatMap(asPair)
const longer = 100 * share(decided), longerFull = 100 * share(full)
const emptyWon = empty.filter(i => i.words[(majorityVote(i.votes) ?? 0) - 1] === 0).length
claim('the chosen reply is the longer one in 68.2% of the majority votes', longer.toFixed(1) === '68.2', {
  'in %': longer, decided: decided.length, 'of equal length, left out': decided.filter(d => d.chosen === d.rejected).length,
})
claim('the empty replies are a part of it', longerFull < longer - 1 && emptyWon === 1, { 'without them, in %': longerFull, 'empty replies that won': emptyWon })
reveal('3.longer', longer < 60 ? 'A' : longer < 85 ? 'B' : 'C')

// %% [markdown]
// Do people like length, or are longer replies better? These data cannot say. A data set with known right answers can. LLMBar has 100 pairs as they come, and four sets in which the wrong reply was built, or picked, to look better: it answers a neighbouring question, or one that a model made up, or it is just well written.

// %% promises=["text"]
const { items: bar, rows: barRows } = await llmBar()
const trap = barRows?.find(r => r.part === 'neighbor' && r.input.length < 120 && r.output_1.length > 2 * r.output_2.length && r.label === 2)
showVolatile(trap ? `${trap.input}\n  1  ${trap.output_1}\n  2  ${trap.output_2}\nRight is ${trap.label}.` : 'No full files, no example.',
  'One pair of LLMBar: <shown where the files can be had>')

// %% promises=["figure"]
const rightIsLonger = (some: readonly { words: readonly [number, number]; right: 1 | 2 }[]) => {
  const uneven = some.filter(s => s.words[0] !== s.words[1])
  const k = uneven.filter(s => (s.words[0] > s.words[1]) === (s.right === 1)).length, [low, high] = wilsonInterval(k, uneven.length)
  return { value: 100 * k / uneven.length, low: 100 * low, high: 100 * high, n: uneven.length }
}
const voted = items.flatMap(i => { const right = majorityVote(i.votes); return right ? [{ words: i.words, right: right }] : [] })
const inPart = LLMBAR_PARTS.map(part => ({ name: `LLMBar ${part}`, ...rightIsLonger(bar.filter(b => b.part === part)) }))
await show(ranking({
  title: 'Prefer the longer reply: right two times in three, or wrong four times in five',
  x: { label: 'the longer reply is the right one, with 95% interval', unit: '%' }, mean: { value: 50, label: 'a coin' },
  entries: [{ name: 'PandaLM, majority', ...rightIsLonger(voted) }, ...inPart],
}))

// %% promises=["text"]
const adversarial = rightIsLonger(bar.filter(b => b.part !== 'natural')), natural = inPart[0]
claim('where the wrong reply was made to look better, the longer reply is mostly wrong', adversarial.high < 30, {
  'longer is right, natural, in %': natural.value, 'adversarial, in %': adversarial.value,
  low: adversarial.low, high: adversarial.high, pairs: adversarial.n,
})

// %% [markdown]
// A judge who goes by length looks useful on the first set and is far worse than a coin on three of the others. Lab 04 shows a reward model that learned just that, and lab 12 a policy that exploits it. Keep a set like this one beside your evaluation, as an alarm.
//
// ## Position
//
// The same trick works for the place on the screen. The order was drawn at random, so a fair annotator chooses the first reply half of the time, whatever the replies are. An exact binomial test says how unlikely the rest is. In our log the first reply stands under `chosen`, so count the labels:

// %%
const rowsOf = (name: string) => log.filter(r => r.annotator === name)
const firstShare = names.map(name => positionBias(rowsOf(name).filter(r => r.label === 1).length, rowsOf(name).length))

// %% promises=["table", "text"]
await show(names.map((name, i) => ({
  annotator: name, comparisons: firstShare[i].n, 'first chosen, in %': 100 * firstShare[i].share,
  low: 100 * firstShare[i].interval[0], high: 100 * firstShare[i].interval[1], p: firstShare[i].p,
})), { digits: 3 })
claim('Cem leans to the first reply, and Ana does not', firstShare[2].p < 0.001 && firstShare[0].p > 0.05 / 3, {
  'Ana, p': firstShare[0].p, 'Cem, p': firstShare[2].p, 'Cem chooses the first, in %': 100 * firstShare[2].share,
})

// %% [markdown]
// A judge that costs little, such as a model, can be asked twice, the second time with the replies swapped. Then you see more: a judge who changes its mind with the order is *inconsistent*; only if it changes it towards one place is it *biased by position*.

// %% promises=["table", "text"]
const twiceAs = (dials: Partial<Dials>, r: Random) => swapTest(cases.map(({ prompt, a, b }): [boolean, boolean] =>
  [annotate(prompt, a, b, dials, r) === 1, annotate(prompt, b, a, dials, r) === 1]))
const swaps = ([['fair', {}], ['careless', { noise: 0.5 }], ['prefers the first', { position: 2 }]] as [string, Partial<Dials>][])
  .map(([judge, dials]) => ({ judge: judge, ...twiceAs(dials, random.split(judge)) }))
await show(swaps.map(s => ({ judge: s.judge, 'consistent, in %': 100 * s.consistent, 'first both times': s.firstBoth, 'second both times': s.secondBoth, p: s.p })), { digits: 3 })
const [, careless, placed] = swaps
claim('carelessness is not position bias', careless.consistent < placed.consistent && placed.p < 1e-6 && careless.p > 0.05 / 3, {
  'careless, consistent': careless.consistent, 'prefers the first, consistent': placed.consistent, 'p, careless': careless.p, 'p, prefers the first': placed.p,
})

// %% [markdown]
// Do not be tempted by a p of 0.03: whoever tests three judges finds one such p by luck about one time in ten. Ask for less than 0.05 divided by the number of tests. The judge who prefers the first reply passes that by far.
//
// In PandaLM the second reply gets more votes than the first. Is that a position bias?

// %% promises=["text"]
const single = items.flatMap(i => i.votes.filter(v => v !== 0)), firsts = (some: readonly number[]) => some.filter(v => v === 1).length
const byVote = positionBias(firsts(single), single.length)
const byMost = positionBias(firsts(voted.map(v => v.right)), voted.length)
const sorted = items.every(i => { const [one, two] = i.models.split('_'); return one.toLowerCase() < two.toLowerCase() })
claim('counted vote by vote it looks like a bias, counted by comparison it may be chance', byVote.p < 0.01 && byMost.p > 0.05, {
  'votes for the first': byVote.first, 'of votes': byVote.n, 'p by vote': byVote.p,
  'comparisons won by the first': byMost.first, of: byMost.n, 'p by comparison': byMost.p,
})
claim('the order was the alphabet’s, not a coin’s', sorted, { 'model names in alphabetical order': sorted })

// %% [markdown]
// Two traps. Three votes on one comparison are not three independent facts: count them as such, and chance looks like a finding. And even a small p would say nothing here: the first place always belongs to the model that comes first in the alphabet, so place and model cannot be told apart. Shuffle the order, and write down what you drew.
//
// ## Adjudication
//
// Where annotators differ, somebody must decide. The cheapest rule is the majority. A better one calls an expert, and only there.
//
// ### Exercise 3.5
// Write the majority of an odd or even number of votes: the label that more than half of them have, or null. Two of three is a majority, two of four is not.

// %%
function majority(votes: number[]): number | null {
  // BEGIN SOLUTION
  return votes.find(v => 2 * votes.filter(other => other === v).length > votes.length) ?? null
  // END SOLUTION
}

// %% promises=["text"]
const byMajority = (votes: number[]) => majorityVote(votes as (0 | 1 | 2)[]) as number | null
const majorityCases: [number[]][] = [[[1, 1, 2]], [[0, 0, 0]], [[0, 1, 2]], [[1, 1, 2, 2]], [[2]], [[0, 2, 0, 0]]]
const yourMajority = check('3.5', majority, byMajority, majorityCases, {
  hint: 'Count each label. 0 is a label too: take care with || and with filter(Boolean).', level: 'foundational',
})

// %%
const expert = voteAs({ temperature: 0.1 }, random.split('expert'))
const split = cases.map(c => new Set(c.votes).size > 1), called = mean(split.map(Number))
const most = cases.map(c => yourMajority(c.votes)!)
const rules = [
  { rule: 'Cem alone', 'labels a pair': 1, 'of them by the expert': 0, right: rightShare(cases.map(c => c.votes[2])) },
  { rule: 'Ana alone', 'labels a pair': 1, 'of them by the expert': 0, right: rightShare(cases.map(c => c.votes[0])) },
  { rule: 'majority of three', 'labels a pair': 3, 'of them by the expert': 0, right: rightShare(most) },
  { rule: 'three, expert where they differ', 'labels a pair': 3 + called, 'of them by the expert': called,
    right: rightShare(most.map((v, i) => split[i] ? expert[i] : v)) },
  { rule: 'expert alone', 'labels a pair': 1, 'of them by the expert': 1, right: rightShare(expert) },
]

// %% promises=["table", "text"]
await show(rules, { digits: 2, caption: 'Adjudication: share of right labels, and what it costs' })
const [worst, ana, voting, adjudicated] = rules.map(r => r.right)
claim('a majority repairs what one careless annotator spoils, an expert on the rest does better', voting > worst + 0.08 && adjudicated > voting + 0.02, {
  'Cem alone': worst, 'Ana alone': ana, majority: voting, adjudicated: adjudicated, 'expert asked in': called,
})
claim('three votes are no better than one careful annotator', voting < ana + 0.03, { 'Ana alone': ana, majority: voting })

// %% [markdown]
// Two lessons. The majority of three is no better than one careful annotator when one of the three tosses coins and another has a bias. And the share of cases in which annotators differ is itself a figure to watch: it is what the expert will cost.
//
// ## The dashboard
//
// One look at a log before you train on it. Everything in it is computed from the damaged log, as you would see it: no true reward is used.

// %%
const rate = (name: string, test: (r: PreferencePair) => boolean | null) => {
  const answers = dirty.filter(r => r.annotator === name).map(test).filter(x => x !== null), k = answers.filter(Boolean).length
  const [low, high] = wilsonInterval(k, answers.length)
  return { name: name, value: k / answers.length, low: low, high: high }
}
const isLonger = (r: PreferencePair) => wordCount(r.chosen) === wordCount(r.rejected) ? null
  : wordCount(winner(r)) === Math.max(wordCount(r.chosen), wordCount(r.rejected))
const agreed = pairsOfThree.map(([i, j]) => ({
  name: `${names[i]}, ${names[j]}`,
  ...bootstrap(cases, some => cohenKappa(some.map(c => c.votes[i]), some.map(c => c.votes[j])), random.split(`kappa ${i}${j}`), { resamples: 300 }),
}))

// %% promises=["figure"]
await show(dataQuality({
  title: 'Cem leans to the first reply and agrees least; Ben likes length; 53 rows need repair',
  rows: dirty.length, defects: checks.map(([name, , seen]) => ({ name: name, rows: seen })),
  agreement: agreed, first: names.map(name => rate(name, r => r.label === 1)), longer: names.map(name => rate(name, isLonger)),
}))

// %% promises=["text"]
const [anaBen, anaCem, benCem] = agreed.map(a => a.value), lengths = names.map(name => rate(name, isLonger).value)
const seen = checks.reduce((sum, [, , n]) => sum + n, 0)
claim('the dashboard shows who is who', anaBen > Math.max(anaCem, benCem) + 0.1 && lengths[1] > Math.max(lengths[0], lengths[2]) + 0.05, {
  'κ Ana and Ben': anaBen, 'Ana and Cem': anaCem, 'Ben and Cem': benCem,
  'longer: Ana': lengths[0], Ben: lengths[1], Cem: lengths[2], 'rows to repair': seen,
})

// %% [markdown]
// How to read it: no defect should fill more than a row in a hundred; kappas should lie above the dashed line at 0.6, one usual threshold, and one annotator whose every kappa is low is the one to talk to; first choices should cover 50%. The share of the longer reply has no right value, but the annotators should not differ in it.
//
// ## What scale can repair, and what it cannot
//
// The last question of a project is always: should we buy more labels? It depends on what is wrong with those you have. Three teams label the same 3,200 pairs:
//
// - **clear**: a clear rubric, careful people.
// - **clear, careless**: the same rubric, but 40% of the labels are tosses of a coin.
// - **ambiguous**: careful people. The rubric says "choose the better reply" and no more. Half of them judge by the policy; the other half are also drawn to length, markup, agreement and confidence.
//
// The scorer is a logistic regression on eleven features of a reply: seven parts of the true reward, and four of its surface. It could learn the truth exactly. What it lacks, the labels lack.

// %%
const describe = (prompt: Prompt, reply: string): number[] => {
  const { decision, safety, policy, action, honesty, claim: answer, polite } = gold(prompt, reply).parts, f = features(prompt, reply)
  return [decision, safety, policy, action, honesty, answer, polite, f.words / 10, f.marks > 0 ? 1 : 0, f.agrees ? 1 : 0, f.confident]
}
const draw = (n: number, r: Random, heldOut: boolean) => drawPrompts(n, r, { heldOut: heldOut }).map(prompt => {
  const [a, b] = [demonstrate(prompt, r).text, demonstrate(prompt, r).text], other = describe(prompt, b)
  const x = describe(prompt, a).map((v, j) => v - other[j]), margin = gold(prompt, a).total - gold(prompt, b).total
  return { prompt: prompt, a: a, b: b, x: x, margin: margin }
})
const pool = draw(3200, random.split('pool'), false), exam = draw(800, random.split('exam'), true).filter(e => e.margin !== 0)

// %%
const staffs: Record<string, Partial<Dials>[]> = {
  clear: [{}], 'clear, careless': [{ noise: 0.4 }], ambiguous: [{}, ANNOTATORS.biased],
}
const sizes = [100, 200, 400, 800, 1600, 3200]
const examined = (w: ArrayLike<number>) => mean(exam.map(e =>
  (e.x.reduce((sum, v, j) => sum + v * w[j + 1], 0) > 0) === e.margin > 0 ? 1 : 0))
const results = Object.entries(staffs).map(([name, staff]) => {
  const r = random.split(name), vote = (turn: number) => pool.map((c, i) => annotate(c.prompt, c.a, c.b, staff[(i + turn) % staff.length], r) as number)
  return { name: name, labels: vote(0), kappa: cohenKappa(vote(0), vote(1)), curve: [] as number[] }
})

// %%
await ready()
for await (const k of progress(sizes.length, 'sizes, scorers trained')) for (const result of results) {
  const n = sizes[k], parts = Array.from({ length: Math.min(4, 3200 / n) }, (_, part) => part * n)
  result.curve.push(mean(parts.map(from => examined(
    logisticRegression(pool.slice(from, from + n).map(c => c.x), result.labels.slice(from, from + n), 1).coefficients))))
}

// %% promises=["figure"]
await show(lines({
  title: 'More labels repair carelessness; they do not repair an ambiguous rubric',
  x: { label: 'pairs', log: true }, y: { label: 'right on new prompts', unit: '%' },
  lines: results.map(r => ({ name: r.name, x: sizes, y: r.curve.map(v => 100 * v) })),
}))

// %% promises=["table", "text"]
const rightLabels = (labels: number[]) => mean(pool.flatMap((c, i) => c.margin === 0 ? [] : [(c.margin > 0) === (labels[i] === 1) ? 1 : 0]))
await show(results.map(r => ({
  rubric: r.name, 'κ of two labels': r.kappa, 'labels right': rightLabels(r.labels),
  'scorer, 200 pairs': r.curve[1], 'scorer, 3,200 pairs': r.curve.at(-1)!,
})), { digits: 3 })
const [clear, noisy, vague] = results, last = (r: typeof clear) => r.curve.at(-1)!
claim('more labels do not repair an ambiguous rubric', last(clear) - last(vague) > 0.04 && last(vague) - vague.curve[3] < 0.02, {
  'clear, 3,200 pairs': last(clear), 'ambiguous, 3,200 pairs': last(vague), 'gain of the last 2,400 pairs': last(vague) - vague.curve[3],
})
claim('200 pairs under a clear rubric beat 3,200 under an ambiguous one', clear.curve[1] > last(vague) + 0.01, {
  'clear, 200 pairs': clear.curve[1], 'ambiguous, 3,200 pairs': last(vague),
})

// %% promises=["text"]
const worse = noisy.kappa < vague.kappa && rightLabels(noisy.labels) < rightLabels(vague.labels)
claim('labels that are worse one by one, but wrong at random, train the better scorer', worse && last(noisy) > last(vague) + 0.01, {
  'κ careless': noisy.kappa, 'κ ambiguous': vague.kappa,
  'careless, 3,200 pairs': last(noisy), 'ambiguous, 3,200 pairs': last(vague),
})
reveal('3.rubric', last(noisy) > last(vague) + 0.01 ? 'A' : last(vague) > last(noisy) + 0.01 ? 'B' : 'C')

// %% [markdown]
// Noise averages out, bias adds up. The careless team has the lower kappa and more wrong labels, and its scorer still ends higher, because its mistakes point nowhere. The ambiguous team's mistakes all point the same way, and the scorer learns the direction. So before you buy labels: write the rubric, let two people label fifty pairs, and talk about every pair on which they differ.
//
// ## What to inspect

// %% promises=["table"]
await show([
  { figure: 'gates', healthy: 'all three True', sick: 'any False: repair first' },
  { figure: 'prompt_overlap', healthy: '[]', sick: 'any id: the exam has leaked' },
  { figure: 'repeats of one annotator', healthy: 'rare, same answer', sick: 'both answers: tired, or an unclear rubric' },
  { figure: 'near-copies across the split', healthy: 'none, or looked at', sick: 'many: templates, re-sent tickets' },
  { figure: 'kappa', healthy: 'above 0.6, similar for all pairs', sick: 'low for one person: talk; for all: mend the rubric' },
  { figure: 'first reply chosen', healthy: 'interval covers 50%', sick: 'it does not, though order was random' },
  { figure: 'longer reply chosen', healthy: 'the same for all annotators', sick: 'one stands out, or no control set at hand' },
  { figure: 'accuracy over pairs', healthy: 'still rises', sick: 'flat below the ceiling: bias, not noise' },
], { caption: 'What to inspect' })

// %% promises=["text"]
const repaired = dirty.filter(r => yourGate({ ...r }).length === 0 && normalised(r.chosen) !== normalised(r.rejected))
const kept = repaired.filter((r, i) => r.annotator && !repaired.slice(0, i).some(o => o.annotator === r.annotator && isSame(o, r)))
const final = yourSplit(kept, kept.slice(0, 120).map(r => r.prompt_id))
claim('the repaired log splits without overlap', promptOverlap(final).length === 0 && kept.length > 850, {
  'rows before': dirty.length, 'rows after': kept.length, train: final.train.length, eval: final.eval.length,
})
score()

// %% [markdown]
// ## Is it luck?
//
// Everything above ran under one seed. These are the figures that a seed moves, measured under four of them. `npm run labs -- seeds 03` measures them again.

// %% promises=["table"]
await show(claimTable('03'), { caption: 'the claims of this lab under four seeds', maxRows: 60 })

// %% [markdown]
// ## Recap
//
// - **Foundational:** you can say what a preference row must hold, check it, and split it so that no prompt stands on both sides.
// - **Intermediate:** you can compute kappa, and say what it does not tell: agreement is not truth.
// - **Advanced:** you can diagnose weak pairs: duplicates, contradictions, length and position bias, an ambiguous rubric, and you know which of these more labels will cure.
//
// Lab 04 trains a reward model on such pairs, and finds these biases again, as coefficients.
//
// **Sources.** Cohen 1960 (doi:10.1177/001316446002000104); Fleiss 1971 (doi:10.1037/h0031619); Krippendorff 2011, "Computing Krippendorff's alpha-reliability"; Efron 1979 (doi:10.1214/aos/1176344552); Broder 1997 (doi:10.1109/SEQUEN.1997.666900); McNemar 1947 (doi:10.1007/BF02295996); Ouyang et al. 2022 (arXiv:2203.02155) on labellers and instructions. Votes and lengths: PandaLM, Wang et al. 2023 (arXiv:2306.05087), github.com/WeOpenML/PandaLM (Apache 2.0). Labels and lengths: LLMBar, Zeng et al. 2023 (arXiv:2310.07641), github.com/princeton-nlp/LLMBar (MIT).
