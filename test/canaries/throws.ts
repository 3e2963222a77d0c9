// %% [markdown]
// # A cell that throws
// The student's form is the canary, the solution's its healthy twin.

// %%
const answer = 42

// %%
// BEGIN SOLUTION
console.log('quiet')
// END SOLUTION
// STUDENT: throw new RangeError('the canary sings')

// %%
console.log(answer)
