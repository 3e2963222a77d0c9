// %% [markdown]
// # A rejection after the last cell has ended
// The student's form is the canary, the solution's its healthy twin.

// %%
// BEGIN SOLUTION
setTimeout(() => 0, 150)
// END SOLUTION
// STUDENT: setTimeout(() => void Promise.reject(new Error('the late canary sings')), 150)
