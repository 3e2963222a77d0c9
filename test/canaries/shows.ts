// %% [markdown]
// # Promised outputs that are missing, and a series with a gap
// The student's form is the canary, the solution's its healthy twin.

// %%
import { show } from 'rlhf-labs'

// %% promises=["figure"]
// BEGIN SOLUTION
await show({ data: [{ type: 'scatter', name: 'loss', y: [3, 2, 1] }] })
// END SOLUTION
// STUDENT: console.log('no figure')

// %% promises=["table"]
// BEGIN SOLUTION
await show([{ step: 1, loss: 3 }])
// END SOLUTION
// STUDENT: console.log('no table')

// %% promises=["text"]
// BEGIN SOLUTION
console.log('some text')
// END SOLUTION
// STUDENT: console.log()

// %%
const value = Math.log(-1)
// BEGIN SOLUTION
await show({ data: [{ type: 'scatter', name: 'meant', y: [1, null, 3], meta: { allowGaps: true } }] })
// END SOLUTION
// STUDENT: await show({ data: [{ type: 'scatter', name: 'hidden', y: [1, value || null, 3] }] })
