// %% [markdown]
// # A cell that shows a folder of this machine
// The student's form is the canary, the solution's its healthy twin.

// %%
const answer = 42

// %%
// BEGIN SOLUTION
console.log('notebooks/src')
// END SOLUTION
// STUDENT: console.log(process.cwd() + '/notebooks/src')

// %%
console.log(answer)
