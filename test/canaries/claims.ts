// %% [markdown]
// # A claim that does not hold
// The student's form is the canary, the solution's its healthy twin.

// %%
import { claim } from 'rlhf-labs'

// %%
const lower = 1, higher = 2

// %%
// BEGIN SOLUTION
claim('the higher is higher', higher > lower, { lower: lower, higher: higher })
// END SOLUTION
// STUDENT: claim('the lower is higher', lower > higher, { lower: lower, higher: higher })
