// The flags after `--`. An unknown one is an error, not a wish to be ignored.
import { parseArgs } from 'node:util'

/** Parses `args` by `options` (as util.parseArgs takes them); a mistake prints one line and the known flags, and ends the process. */
export function flags(usage, options, args = process.argv.slice(2)) {
  try {
    return parseArgs({ args, options, strict: true, allowPositionals: false }).values
  } catch (error) {
    console.error(`${error.message.split('. To specify')[0]}\nusage: ${usage}`)
    process.exit(2)
  }
}

/** A TCP port number from the text of a flag. */
export function port(text) {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0 && value < 65_536) return value
  console.error(`--port takes a number from 1 to 65535, not "${text}"`)
  process.exit(2)
}
