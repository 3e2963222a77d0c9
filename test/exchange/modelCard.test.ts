import { expect } from 'chai'
import { releaseGate } from '../../lib/evaluate/gate'
import { modelCard } from '../../lib/exchange/modelCard'
import type { ModelCard } from '../../lib/exchange/modelCard'
import { oracle } from '../oracle'

const card: ModelCard = {
  name: 'a: "model"\n#1', summary: 'It answers.', license: 'mit', baseModel: 'gpt2', intended: 'Receptions.', notFor: 'Anything else.', data: ['12 rows'], training: ['DPO'],
  figures: [{ name: 'win rate', value: 0.75, interval: [0.6, 0.9], on: 'held-out | guests' }, { name: 'unsafe', value: 0, on: 'guests' }],
  gate: releaseGate({ proxy_delta: 0.3, human_delta: 0.25, human_low: 0.1, length_delta: 2, unsafe: 0 }), limits: ['small'], reproduce: 'npm run labs -- 16',
}

describe('exchange/modelCard', () => {
  it('is read by huggingface_hub: licence, library, base model and figures', () => {
    const read = oracle<Record<string, unknown>>(`
from huggingface_hub import ModelCard
data = ModelCard(arg).data
print(json.dumps({**{k: getattr(data, k) for k in ('license', 'library_name', 'base_model', 'pipeline_tag', 'tags')}, 'name': data.model_name,
                  'results': [[r.metric_type, r.metric_value, r.dataset_name] for r in data.eval_results]}))`, modelCard(card))
    expect(read).deep.equal({
      license: 'mit', library_name: 'transformers', base_model: 'gpt2', pipeline_tag: 'text-generation', tags: ['rlhf-labs', 'release-ready'], name: card.name,
      results: [['win rate', 0.75, 'held-out | guests'], ['unsafe', 0, 'guests']],
    })
  })

  it('tells the verdict of the gate, for and against, with its reasons', () => {
    expect(modelCard(card)).include('**Ready for release**').include('| win rate | 0.75 | 0.6 to 0.9 | held-out \\| guests |')
    const failed = modelCard({ ...card, gate: releaseGate({ proxy_delta: 0.3, human_delta: 0.25, length_delta: 2, unsafe: 3 }) })
    expect(failed).include('**Not ready for release**').include('not-for-release').match(/- unsafe \+3, needs at most 0/)
  })

  it('refuses gaps', () => {
    expect(() => modelCard({ ...card, limits: [] })).to.throw('limits is empty')
    expect(() => modelCard({ ...card, figures: [{ name: 'kl', value: NaN, on: 'guests' }] })).to.throw('kl: expected finite numbers')
  })
})
