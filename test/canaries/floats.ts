// %% [markdown]
// # A rejection that nobody awaits
// The student's form is the canary, the solution's its healthy twin.

// %%
const answer = 42

// %%
// BEGIN SOLUTION
void Promise.reject(new Error('caught')).catch(() => 0)
// END SOLUTION
// STUDENT: void Promise.reject(new Error('the floating canary sings'))

// %%
console.log(answer)
