// %% [markdown]
// # A cell that awaits a rejected promise
// The student's form is the canary, the solution's its healthy twin.

// %%
const answer = 42

// %%
// BEGIN SOLUTION
await Promise.resolve('quiet')
// END SOLUTION
// STUDENT: await Promise.reject(new Error('the awaited canary sings'))

// %%
console.log(answer)
