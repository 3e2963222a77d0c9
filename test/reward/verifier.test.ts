import { expect } from 'chai'
import fc from 'fast-check'
import { allSumTasks, demonstrateSum, drawSmallTask, isHeldOutSum, rightSteps, SUM_FILLERS, sumTask } from '../../lib/desk/arithmetic'
import type { SumTask } from '../../lib/desk/arithmetic'
import { decodeTokens, encodeText, EOS, replyTokens } from '../../lib/desk/vocabulary'
import { fillerShare, judgeSteps, stepLabels } from '../../lib/reward/process'
import { fooledVerifier, numbersIn, statedTotal, verifierReward, verifySum } from '../../lib/reward/verifier'
import { Random } from '../../lib/tensor/random'

const refund = sumTask('refund', [3, 5, -2]), anyTask = fc.constantFrom(...allSumTasks(), ...allSumTasks({ heldOut: true }))
const judged = (task: SumTask, reply: string | readonly number[]) => judgeSteps(task, reply).map(s => `${s.kind} ${s.right ? 'right' : 'wrong'}${s.progress ? ' on' : ''}`)

describe('desk/arithmetic', () => {
  it('has tasks whose texts and worked steps are in the desk\'s words, and answers that the steps reach', () => {
    const tasks = allSumTasks(), held = allSumTasks({ heldOut: true })
    expect([tasks.length, held.length]).to.deep.equal([511, 102])
    expect(new Set([...tasks, ...held].map(t => t.id)).size).to.equal(613)
    expect(held.every(isHeldOutSum) && !tasks.some(isHeldOutSum)).to.equal(true)
    for (const task of [...tasks, ...held]) {
      const [first, second, total] = rightSteps(task)
      expect(encodeText(`${task.text} ${first} ${second} ${total}`)).to.have.length.above(20)
      expect(verifySum(task, total)).to.equal(1)
      expect(task.answer).to.equal(task.terms[0] + task.terms[1] + task.terms[2])
    }
    expect(rightSteps(refund)).to.deep.equal(['3 + 5 = 8 .', '8 - 2 = 6 .', 'total 6 .'])
  })

  it('refuses amounts that its numbers do not hold', () => {
    expect(() => sumTask('bill', [1, 2])).to.throw(RangeError, "3 whole amounts for 'bill'")
    expect(() => sumTask('refund', [1, 1, -5])).to.throw(RangeError, 'between 0 and 45')
    expect(() => sumTask('bill', [20, 20, 20])).to.throw(RangeError)
    expect(() => sumTask('small', [1.5, 2])).to.throw(RangeError)
  })

  it('has clerks of whom the careful are always right, the skippers hardly ever', () => {
    const random = Random.seed(0), tasks = allSumTasks()
    const right = (clerk: 'careful' | 'slipper' | 'skipper') => Array.from({ length: 300 }, () => random.choice(tasks)).filter(t => verifySum(t, demonstrateSum(t, random, { clerk }).text)).length / 300
    expect(right('careful')).to.equal(1)
    expect(right('skipper')).to.be.below(0.05)
    expect(right('slipper')).to.be.within(0.38, 0.62)
    for (let i = 0; i < 50; i++) { const small = drawSmallTask(random); expect(verifySum(small, demonstrateSum(small, random).text)).to.equal(1) }
  })
})

describe('reward/verifier', () => {
  it('reads numbers by value, however they are written', () => {
    for (const seven of ['7', '07', '7.00', '7,00', '€7', '€ 7', '$7', '7 euro', '7 €', '+7', '7.', '(7)', 'eur 7', '7,']) expect(numbersIn(seven), seven).to.deep.equal([7])
    expect(numbersIn('-7 and −7')).to.deep.equal([-7, -7])
    expect(numbersIn('1,000 or 1 000 or 1,000.50')).to.deep.equal([1000, 1000, 1000.5])
    expect(numbersIn('8 - 2 = 6 .')).to.deep.equal([8, 2, 6])
    expect(numbersIn('1.2.3, a7, 7th, seven')).to.deep.equal([])
  })

  it('writes and reads any amount alike (property)', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 999_999 }), fc.integer({ min: 0, max: 99 }), fc.constantFrom('', '€', '$'), (whole, cents, currency) => {
      const value = whole + cents / 100, plain = value.toFixed(2)
      for (const text of [plain, plain.replace('.', ','), `0${plain}`, whole.toLocaleString('en-US') + plain.slice(-3)]) expect(numbersIn(`it is ${currency}${text} .`)[0]).to.be.closeTo(value, 1e-9)
    }))
  })

  it('takes the one total that a reply states, in many wordings, and no other', () => {
    for (const yes of ['total 6 .', 'total 06 .', 'the total is 6.00 euros .', 'Total: €6', '3 + 5 = 8 . 8 - 2 = 6 . total 6 . yes , that is right .', '9 + 9 = 1 . total 6 .']) expect(verifySum(refund, yes), yes).to.equal(1)
    for (const no of ['6 .', 'total 60 .', 'total 6.5', 'total 5 . total 6 .', 'total 6 or 7 .', 'total .', 'total -6', 'total 16', '', 'total six']) expect(verifySum(refund, no), no).to.equal(0)
    expect(statedTotal('total 6 . 7 is another matter')).to.equal(6)
  })

  it('shows the verifier that looks for digits being fooled, and the one by value not', () => {
    const one = sumTask('refund', [1, 1, -1]), everything = Array.from({ length: 46 }, (_, n) => `total ${n} .`).join(' ')
    expect([fooledVerifier(one, 'total 12 .'), verifySum(one, 'total 12 .')]).to.deep.equal([1, 0])
    expect(allSumTasks().every(t => fooledVerifier(t, everything) === 1 && verifySum(t, everything) === 0)).to.equal(true)
    expect([fooledVerifier(refund, '8 - 2 = 6 . total 5 .'), verifySum(refund, '8 - 2 = 6 . total 5 .')]).to.deep.equal([1, 0])
  })

  it('rewards tokens, and nothing that was cut off', () => {
    const reward = verifierReward(verifySum), tokens = replyTokens('total 6 .')
    expect(reward([{ prompt: refund, tokens }, { prompt: refund, tokens: tokens.slice(0, -1) }, { prompt: refund, tokens: [EOS] }, { prompt: refund, tokens: [] }])).to.deep.equal([1, 0, 0, 0])
    expect(reward([{ prompt: refund, tokens: [...encodeText('total 6 .'), 0, EOS] }]), 'padding inside is gibberish, not a number').to.deep.equal([1])
  })
})

describe('reward/process', () => {
  it('finds every step of the right work right, and all of it needed (property)', () => {
    fc.assert(fc.property(anyTask, fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.constantFrom(...SUM_FILLERS)), { maxLength: 4 }), (task, fillers) => {
      const sentences = rightSteps(task)
      for (const [at, filler] of fillers) sentences.splice(at, 0, filler)
      const steps = judgeSteps(task, sentences.join(' '))
      expect(steps.every(s => s.right)).to.equal(true)
      expect(steps.filter(s => s.progress).length).to.equal(3)
      expect(fillerShare(task, sentences.join(' '))).to.be.closeTo(fillers.length / sentences.length, 1e-12)
    }))
  })

  it('calls everything wrong from the first wrong sentence on', () => {
    expect(judged(refund, '3 + 5 = 9 . let me check again . 9 - 2 = 7 . total 6 .')).to.deep.equal(['step wrong', 'filler wrong', 'step wrong', 'total wrong'])
    expect(judged(refund, '3 + 5 = 8 . total 6 .'), 'a total before its time').to.deep.equal(['step right on', 'total wrong'])
    expect(judged(refund, '3 - 2 = 1 . 1 + 5 = 6 . total 6 .'), 'the right sum in another order').to.deep.equal(['step wrong', 'step wrong', 'total wrong'])
    expect(judged(refund, '3 + 5 = 8 . 3 + 5 = 8 .'), 'said twice').to.deep.equal(['step right on', 'step wrong'])
    expect(judged(refund, '3 + 5 = 08 . 8 - 2.0 = 6 . total €6 .'), 'by value').to.deep.equal(['step right on', 'step right on', 'total right on'])
    expect(judged(refund, '')).to.deep.equal([])
  })

  it('labels the last token of each sentence, and <eos> by whether all is done', () => {
    const reply = replyTokens('3 + 5 = 8 . yes , that is right . 8 - 2 = 5 . total 5 .'), labels = stepLabels(refund, reply)
    expect(labels.map(l => l.label)).to.deep.equal([1, 1, 0, 0, 0])
    expect(labels.map(l => decodeTokens([reply[l.at]], true))).to.deep.equal(['.', '.', '.', '.', ''])
    expect(stepLabels(refund, replyTokens('3 + 5 = 8 . 8 - 2 = 6 . total 6 .')).map(l => l.label)).to.deep.equal([1, 1, 1, 1])
    expect(stepLabels(refund, replyTokens('3 + 5 = 8 .')).map(l => l.label), 'right, but not done').to.deep.equal([1, 0])
    expect(stepLabels(refund, encodeText('3 + 5 =')).map(l => l.at), 'a sentence that was cut off').to.deep.equal([3])
  })
})
