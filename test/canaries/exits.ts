// %% [markdown]
// # A cell that ends the process
// The student's form is the canary, the solution's its healthy twin.

// %%
const answer = 42

// %%
// BEGIN SOLUTION
console.log(typeof process.exit)
// END SOLUTION
// STUDENT: process.exit(0)

// %%
console.log(answer)
