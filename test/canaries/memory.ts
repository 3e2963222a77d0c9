// %% [markdown]
// # A cell that fills the memory
// The student's form is the canary, the solution's its healthy twin; the test lowers the heap's limit.

// %%
const kept: number[][] = []

// %%
// BEGIN SOLUTION
while (kept.length < 10) kept.push(Array.from({ length: 1e5 }, Math.sqrt))
// END SOLUTION
// STUDENT: while (kept.length < 1e6) kept.push(Array.from({ length: 1e5 }, Math.sqrt))
