// Makes data/pandalm-votes.csv and data/llmbar-lengths.csv from the published files:  npx tsx tools/data/judgements.ts
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { clonePath } from '../../lib/exchange/clone'
import { download } from '../../lib/exchange/download'
import { downloads } from '../../lib/exchange/downloads'
import { downloadLlmBar, llmBarItems } from '../../lib/exchange/llmbar'
import { pandaLmItems, parsePandaLm } from '../../lib/exchange/pandalm'

function write(name: string, head: readonly string[], lines: readonly string[]): void {
  const file = clonePath('data', name)
  writeFileSync(`${file}.tmp`, [...head.map(line => `# ${line}`), ...lines, ''].join('\n'))
  renameSync(`${file}.tmp`, file)
}

const source = (name: string): string => {
  const { repository, path, commit } = downloads().find(d => d.name === name)!
  return `Source: github.com/${repository}, ${path} at commit ${commit}; numbers derived from it, no texts`
}

async function main(): Promise<void> {
  const { path } = await download('pandalm-testset'), bit = (yes: boolean) => yes ? 1 : 0
  write('pandalm-votes.csv', [
    'PandaLM test set: votes of three annotators (0 tie, 1 or 2 the better reply), words of both replies, whether each is text',
    source('pandalm-testset'), 'Copyright 2023 Yidong Wang, Zhuohao Yu; Apache License 2.0, see data/pandalm-LICENSE',
  ], ['prompt,models,annotator1,annotator2,annotator3,words1,words2,text1,text2',
    ...pandaLmItems(parsePandaLm(readFileSync(path, 'utf8'), path)).map(i => [i.prompt, i.models, ...i.votes, ...i.words, ...i.text.map(bit)].join(','))])
  write('llmbar-lengths.csv', [
    'LLMBar: part, which reply follows the instruction (1 or 2), words of both replies',
    source('llmbar-natural').replace('Natural/dataset.json', '*/dataset.json'), 'Princeton NLP, "Evaluating Large Language Models at Evaluating Instruction Following" (arXiv:2310.07641); MIT licence',
  ], ['part,right,words1,words2', ...llmBarItems(await downloadLlmBar()).map(i => [i.part, i.right, ...i.words].join(','))])
}

void main()
