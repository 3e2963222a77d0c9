// %% [markdown]
// # A cell with a type error
// The student's form is the canary, the solution's its healthy twin.

// %%
const answer = 42

// %%
// BEGIN SOLUTION
const text: string = String(answer)
// END SOLUTION
// STUDENT: const text: string = answer

// %%
console.log(answer)
