// %% [markdown]
// # A promise that is never kept
// The student's form is the canary, the solution's its healthy twin.

// %%
const answer = 42

// %%
// BEGIN SOLUTION
await new Promise<void>(resolve => resolve())
// END SOLUTION
// STUDENT: await new Promise<void>(() => {})

// %%
console.log(answer)
