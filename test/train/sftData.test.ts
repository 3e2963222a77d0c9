import { expect } from 'chai'
import { drawPrompts } from '../../lib/desk/scenarios'
import { EOS, VOCABULARY } from '../../lib/desk/vocabulary'
import { deskPolicy, deskPolicyFigures } from '../../lib/exchange/deskPolicy'
import { countParams } from '../../lib/model/params'
import { ready, tf } from '../../lib/tensor/backend'
import { Random } from '../../lib/tensor/random'
import { batchesByLength } from '../../lib/train/batches'
import { DESK_CONFIG, DESK_SFT, deskDemonstrations, deskReplies, deskSequence, deskSft, deskTokenizer, heldOutLoss, judgeReplies } from '../../lib/train/desk'
import { disposeTraining } from '../../lib/train/training'

describe('data/sft, the desk\'s fine-tuned policy', () => {
  before(ready)
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  it('training it again starts with the same losses', async () => {
    const training = deskSft({ steps: 20 }), losses: number[] = []
    for await (const { loss } of training) losses.push(loss)
    disposeTraining(training)
    const { firstLosses, settings } = deskPolicyFigures()
    expect(settings, 'settings that data/sft was made with').to.deep.equal({ ...DESK_SFT, betas: [...DESK_SFT.betas] })
    expect(losses).to.have.length(firstLosses.length)
    losses.forEach((loss, i) => expect(loss, `step ${i + 1}`).to.be.closeTo(firstLosses[i], 0.002))
  })

  it('reaches the held-out loss and the true reward that it states', () => {
    const model = deskPolicy(), { prompts: n, seed, ...stated } = deskPolicyFigures().heldOut
    expect(model.config).to.deep.equal(DESK_CONFIG)
    expect(countParams(model.params)).to.be.below(130_000)
    const { prompts, replies, examples } = deskDemonstrations(n, seed, { heldOut: true }), mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length
    expect(heldOutLoss(model, examples)).to.be.closeTo(stated.loss, 5e-4)
    expect(mean(judgeReplies(prompts, replies.map(text => ({ tokens: deskSequence(prompts[0], text).ids.slice(deskSequence(prompts[0], '').promptLength), logp: 0, stopped: true }))).map(r => r.gold))).to.be.closeTo(stated.goldOfDemonstrations, 1e-3)
    const judged = judgeReplies(prompts, deskReplies(model, prompts, { random: Random.seed(seed).split('replies') }))
    // another processor's rounding may turn a token here and there
    expect(mean(judged.map(r => r.gold)), 'true reward').to.be.closeTo(stated.gold, 0.15)
    expect(mean(judged.map(r => Number(r.stopped))), 'replies that end').to.be.closeTo(stated.stopped, 0.02)
    expect(stated.gibberish, 'fluent').to.be.below(0.25)
    expect(stated.goldOfExperts - stated.gold, 'the gap that the labs are about').to.be.above(2)
  })

  it('has the desk\'s vocabulary, and reads its prompts as the desk does', () => {
    const { tokenizer } = deskPolicy(), [prompt] = drawPrompts(1, 3)
    expect(tokenizer!.vocabulary).to.deep.equal(VOCABULARY)
    expect(tokenizer!.special.eos).to.equal(EOS)
    expect(tokenizer!.encode(`<bos> ${prompt.text} <sep> we will refund you in full . <eos>`)).to.deep.equal(deskSequence(prompt, 'we will refund you in full .').ids)
    expect(deskTokenizer().files).to.deep.equal(tokenizer!.files)
  })

  it('batches hold every item once, full ones first, neighbours in length together', () => {
    const items = Array.from({ length: 1003 }, (_, i) => ({ i, length: 10 + (i * 37) % 50 })), order = batchesByLength(items, 8, x => x.length, Random.seed(0))
    expect(new Set(order.map(x => x.i)).size).to.equal(1003)
    const spread = (some: readonly { length: number }[]) => Math.max(...some.map(x => x.length)) - Math.min(...some.map(x => x.length))
    const spreads = Array.from({ length: 125 }, (_, b) => spread(order.slice(8 * b, 8 * b + 8)))
    expect(Math.max(...spreads)).to.be.below(25)
    expect(batchesByLength(items, 8, x => x.length, Random.seed(0))).to.deep.equal(order)
    expect(batchesByLength(items, 8, x => x.length, Random.seed(1))).to.not.deep.equal(order)
  })

  it('keeps no tensor when it measures, and says what does not fit', () => {
    const model = deskPolicy(), [prompt] = drawPrompts(1, 3), before = tf.memory().numTensors
    heldOutLoss(model, [deskSequence(prompt, 'we will refund you in full .')])
    deskReplies(model, [prompt], { random: Random.seed(0), maxNewTokens: 4 })
    expect(tf.memory().numTensors).to.equal(before)
    expect(() => judgeReplies([prompt], [])).to.throw(RangeError, '1 prompts, but 0 replies')
  })
})
