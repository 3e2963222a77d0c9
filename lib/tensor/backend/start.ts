import type * as tfjs from '@tensorflow/tfjs'
import { choose, inform, type BackendInfo } from './choose'
import { load } from './load'
import { forget, type ProbeOptions } from './probe'

/** A loaded backend and what it is. */
export interface Started { readonly tf: typeof tfjs, readonly info: BackendInfo }

/** Chooses and loads a backend. One that was once found to work and cannot be loaded any more is tried anew, so that another
 *  may take its place. */
export function start(options: ProbeOptions = {}): Started {
  for (let again = true; ; again = false) {
    const choice = choose(options)
    const { name, threads } = choice.chosen
    try {
      return { tf: load(name, threads), info: inform(choice) }
    } catch (error) {
      if (!again) throw error
      forget(name, options)
    }
  }
}
