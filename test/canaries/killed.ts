// %% [markdown]
// # A kernel that is killed from outside
// The student's form is the canary, the solution's its healthy twin.

// %%
const answer = 42

// %%
// BEGIN SOLUTION
console.log(typeof process.kill)
// END SOLUTION
// STUDENT: process.kill(process.pid, 'SIGKILL')

// %%
console.log(answer)
