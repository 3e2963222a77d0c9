import { averageRanks } from './correlation'
import { wilsonInterval } from './intervals'

type Numbers = ArrayLike<number>

function check(probabilities: Numbers, outcomes: Numbers): void {
  if (probabilities.length !== outcomes.length || probabilities.length === 0) throw new RangeError(`calibration: expected as many outcomes as probabilities, and at least one, got ${probabilities.length} and ${outcomes.length}`)
  for (const [name, values] of [['probabilities', probabilities], ['outcomes', outcomes]] as const) {
    for (let i = 0; i < values.length; i++) if (!(values[i] >= 0 && values[i] <= 1)) throw new RangeError(`calibration: ${name}[${i}]: expected a number from 0 to 1, got ${values[i]}`)
  }
}

function mean(probabilities: Numbers, outcomes: Numbers, of: (p: number, y: number) => number): number {
  check(probabilities, outcomes)
  let sum = 0
  for (let i = 0; i < outcomes.length; i++) sum += of(probabilities[i], outcomes[i])
  return sum / outcomes.length
}

/** The Brier score: mean (p − y)². 0 is perfect, ¼ what a coin gets; a tie is an outcome of ½.  Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2 */
export const brierScore = (probabilities: Numbers, outcomes: Numbers): number => mean(probabilities, outcomes, (p, y) => (p - y) ** 2)

/** Mean −(y·log p + (1−y)·log(1−p)), probabilities kept `clip` away from 0 and 1. */
export const logLoss = (probabilities: Numbers, outcomes: Numbers, clip = 1e-7): number => mean(probabilities, outcomes, (p, y) => {
  const q = Math.min(1 - clip, Math.max(clip, p))
  return -(y * Math.log(q) + (1 - y) * Math.log1p(-q))
})

/** The share of outcomes (0 or 1) on whose side of `threshold` the probability lies. */
export const accuracy = (probabilities: Numbers, outcomes: Numbers, threshold = 0.5): number => mean(probabilities, outcomes, (p, y) => (p > threshold ? 1 : 0) === y ? 1 : 0)

/** The area under the ROC curve: how often a 1 gets a higher probability than a 0 (ties half). Throws RangeError unless outcomes are 0 and 1, both there. */
export function rocAuc(probabilities: Numbers, outcomes: Numbers): number {
  check(probabilities, outcomes)
  const y = Array.from(outcomes), positives = y.filter(v => v === 1).length, negatives = y.filter(v => v === 0).length
  if (positives + negatives !== y.length || positives === 0 || negatives === 0) throw new RangeError('rocAuc: expected outcomes of 0 and 1, at least one of each')
  const rankSum = averageRanks(Array.from(probabilities)).reduce((sum, rank, i) => y[i] === 1 ? sum + rank : sum, 0)
  return (rankSum - positives * (positives + 1) / 2) / (positives * negatives)
}

/** A bin of a calibration curve: the probabilities in (from, to], their mean, the outcomes' mean with its 95% Wilson interval. */
export interface CalibrationBin { readonly from: number; readonly to: number; readonly count: number; readonly predicted: number; readonly observed: number; readonly low: number; readonly high: number }

/** The bins of equal width that hold something, ascending; each is right-closed, 0 in the first. */
export function calibrationBins(probabilities: Numbers, outcomes: Numbers, bins = 10): CalibrationBin[] {
  check(probabilities, outcomes)
  if (!Number.isSafeInteger(bins) || bins < 1) throw new RangeError(`calibrationBins: expected a positive number of bins, got ${bins}`)
  const sums = Array.from({ length: bins }, () => ({ count: 0, p: 0, y: 0 }))
  for (let i = 0; i < outcomes.length; i++) {
    const bin = sums[Math.min(bins - 1, Math.max(0, Math.ceil(probabilities[i] * bins) - 1))]
    bin.count++
    bin.p += probabilities[i]
    bin.y += outcomes[i]
  }
  return sums.flatMap(({ count, p, y }, i) => {
    if (count === 0) return []
    const [low, high] = wilsonInterval(y, count)
    return [{ from: i / bins, to: (i + 1) / bins, count, predicted: p / count, observed: y / count, low, high }]
  })
}

/** The expected calibration error: the bins' |observed − predicted|, weighted by their share.  Guo 2017, arXiv:1706.04599 eq. 3 */
export const expectedCalibrationError = (probabilities: Numbers, outcomes: Numbers, bins = 10): number =>
  calibrationBins(probabilities, outcomes, bins).reduce((sum, b) => sum + b.count / outcomes.length * Math.abs(b.observed - b.predicted), 0)

/** The maximum calibration error: the largest |observed − predicted| of a bin.  Guo 2017, arXiv:1706.04599 eq. 5 */
export const maximumCalibrationError = (probabilities: Numbers, outcomes: Numbers, bins = 10): number =>
  Math.max(...calibrationBins(probabilities, outcomes, bins).map(b => Math.abs(b.observed - b.predicted)))
