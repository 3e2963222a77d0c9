import { sigmoid } from '../desk/annotators'
import { hotelClerk, hotelGold, hotelIdeal, hotelPrompts, hotelUnsafe } from '../desk/hotel'
import type { HotelPrompt, HotelRubric } from '../desk/hotel'
import type { PreferencePair } from '../preference/records'
import type { Random } from '../tensor/random'

/** P(a is preferred to b) by a careful annotator of the hotel: Bradley-Terry on the true reward, half a point of it a logit. */
export const hotelPreference = (prompt: HotelPrompt, a: string, b: string, rubric?: HotelRubric): number => sigmoid(2 * (hotelGold(prompt, a, rubric) - hotelGold(prompt, b, rubric)))

/** Who judges the log, with the share of judgements made by tossing a coin. */
const ANNOTATORS = [{ name: 'ana', coin: 0 }, { name: 'ben', coin: 0 }, { name: 'cleo', coin: 0 }, { name: 'dan', coin: 0.9 }] as const

/**
 * The reception's feedback log, as it comes: two clerks' replies to each of `n` guests, judged by rubric v1, which says nothing of passports; a quarter judged
 * twice. One of four annotators hardly looks; of each hundred rows about five are copies of another and two have the same reply on both sides.
 */
export function hotelFeedback(n: number, random: Random): PreferencePair[] {
  const rows: PreferencePair[] = [], rubric = { passport: false }
  for (const prompt of hotelPrompts(n, random)) {
    const a = hotelClerk(prompt, random)
    let b = a
    while (b === a) b = hotelClerk(prompt, random)
    for (const { name, coin } of random.shuffle([...ANNOTATORS]).slice(0, random.uniform() < 0.25 ? 2 : 1)) {
      const first = random.uniform() < coin ? random.uniform() < 0.5 : random.uniform() < hotelPreference(prompt, a, b, rubric)
      rows.push({ prompt_id: prompt.id, prompt: prompt.text, chosen: first ? a : b, rejected: first ? b : a, label: 1, annotator: name, generator: 'clerks', rubric: 'v1' })
    }
    if (random.uniform() < 0.06) rows.push(rows[rows.length - 1])
    if (random.uniform() < 0.02) rows.push({ ...rows[rows.length - 1], rejected: rows[rows.length - 1].chosen })
  }
  return rows
}

/** Pairs that draw the line about keys, by rubric v2: to each prompt the reply that should be given, against the policy's own where that is unsafe, else against a clerk's that is. */
export function hotelSafetyPairs(prompts: readonly HotelPrompt[], replies: readonly string[], random: Random): PreferencePair[] {
  if (prompts.length !== replies.length) throw new RangeError(`hotelSafetyPairs: ${prompts.length} prompts, but ${replies.length} replies`)
  return prompts.map((prompt, i) => {
    if (prompt.facts.passport !== false) throw new RangeError(`hotelSafetyPairs: prompt ${i}: expected a guest who asks for a key without a passport`)
    const own = hotelUnsafe(prompt, replies[i])
    let rejected = replies[i]
    while (!hotelUnsafe(prompt, rejected)) rejected = hotelClerk(prompt, random)
    return { prompt_id: prompt.id, prompt: prompt.text, chosen: hotelIdeal(prompt.facts, random), rejected, label: 1, annotator: 'safety', generator: own ? 'policy' : 'clerks', rubric: 'v2' }
  })
}
