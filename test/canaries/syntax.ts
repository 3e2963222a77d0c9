// %% [markdown]
// # A cell that is no TypeScript
// The student's form is the canary, the solution's its healthy twin.

// %%
const answer = 42

// %%
// BEGIN SOLUTION
const value = answer
// END SOLUTION
// STUDENT: const = answer

// %%
console.log(answer)
