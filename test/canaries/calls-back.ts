// %% [markdown]
// # A callback that throws
// The student's form is the canary, the solution's its healthy twin.

// %%
const answer = 42

// %%
// BEGIN SOLUTION
setTimeout(() => 0, 0)
// END SOLUTION
// STUDENT: setTimeout(() => { throw new Error('the called canary sings') }, 0)

// %%
console.log(answer)
