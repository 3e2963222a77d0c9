import type { GateVerdict } from '../evaluate/gate'
import { releaseLine } from '../evaluate/gate'

/** A figure of a card: what was measured, on what, how wide its interval is. */
export interface CardFigure { readonly name: string; readonly value: number; readonly interval?: readonly [number, number]; readonly on: string }

/** What a model card says. Texts are Markdown; lists are one entry a line. */
export interface ModelCard {
  readonly name: string
  readonly summary: string
  /** SPDX's name in small letters, as the Hub writes it ('mit'). */
  readonly license: string
  /** The model that it was trained from, where that has a name. */
  readonly baseModel?: string
  readonly intended: string
  readonly notFor: string
  readonly data: readonly string[]
  readonly training: readonly string[]
  readonly figures: readonly CardFigure[]
  /** The release gate's verdict on it; a model that failed keeps its card. */
  readonly gate?: GateVerdict
  readonly limits: readonly string[]
  readonly reproduce: string
}

const number = (x: number): string => x.toLocaleString('en', { maximumFractionDigits: 3, useGrouping: false })
const list = (lines: readonly string[]): string => lines.map(line => `- ${line}`).join('\n')
const cell = (text: string): string => text.replaceAll('|', '\\|').replace(/\s+/g, ' ')

/**
 * A model card as Hugging Face reads it: README.md beside the weights, whose front matter names licence, library, task and figures (model-index).
 * Throws Error where a part is empty or a figure is not finite, since a card with gaps is worse than none.  Mitchell 2019, arXiv:1810.03993
 */
export function modelCard(card: ModelCard): string {
  for (const [part, value] of Object.entries(card)) if ((typeof value === 'string' || Array.isArray(value)) && value.length === 0) throw new Error(`modelCard: ${part} is empty`)
  for (const { name, value, interval = [] } of card.figures) if (![value, ...interval].every(Number.isFinite)) throw new Error(`modelCard: ${name}: expected finite numbers, got ${[value, ...interval].join(', ')}`)
  const meta = {
    license: card.license, library_name: 'transformers', pipeline_tag: 'text-generation', tags: ['rlhf-labs', ...card.gate ? [card.gate.release_ready ? 'release-ready' : 'not-for-release'] : []],
    ...card.baseModel && { base_model: card.baseModel },
    'model-index': [{ name: card.name, results: card.figures.map(f => ({ task: { type: 'text-generation' }, dataset: { name: f.on, type: f.on }, metrics: [{ type: f.name, value: f.value, name: f.name }] })) }],
  }
  // JSON is YAML, too, and escapes whatever stands in the texts
  const head = Object.entries(meta).map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join('\n')
  const figures = card.figures.map(f => `| ${cell(f.name)} | ${number(f.value)} | ${f.interval ? `${number(f.interval[0])} to ${number(f.interval[1])}` : ''} | ${cell(f.on)} |`).join('\n')
  const gate = card.gate ? `\n## Release gate\n\n**${card.gate.release_ready ? 'Ready for release' : 'Not ready for release'}**: \`${releaseLine(card.gate)}\`\n\n${list(card.gate.reasons)}\n` : ''
  return `---
${head}
---

# ${card.name}

${card.summary}

## Intended use

${card.intended}

Not for: ${card.notFor}

## Data

${list(card.data)}

## Training

${list(card.training)}

## Evaluation

| figure | value | 95% interval | measured on |
|---|---|---|---|
${figures}
${gate}
## Limits

${list(card.limits)}

## To make it again

${card.reproduce}
`
}
