import { Command, InvalidArgumentError } from 'commander'
import { deskPage } from '../lib/desk/page'

/** Prints prompts of the parcel desk with good, mediocre and bad replies and their true rewards, for a person to judge. */
const whole = (text: string): number => {
  const n = Number(text)
  if (!Number.isSafeInteger(n) || n < 0) throw new InvalidArgumentError('Expected a whole number.')
  return n
}
const program = new Command('npm run desk --').option('-n, --prompts <n>', 'how many prompts', whole, 10).option('-s, --seed <seed>', 'which prompts', whole, 0).parse()
const { prompts, seed } = program.opts<{ prompts: number; seed: number }>()
process.stdout.write(deskPage(prompts, seed))
