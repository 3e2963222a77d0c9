// %% [markdown]
// # A loop without an end
// The student's form is the canary, the solution's its healthy twin.

// %%
const answer = 42

// %%
// BEGIN SOLUTION
while (answer < 42) {}
// END SOLUTION
// STUDENT: while (answer === 42) {}

// %%
console.log(answer)
