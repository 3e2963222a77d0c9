// %% [markdown]
// # An error that a tag allows
// nbclient goes on after it; a lab must not show one. The student's form is the canary, the solution's its healthy twin.

// %% tags=["raises-exception"]
// BEGIN SOLUTION
console.log('quiet')
// END SOLUTION
// STUDENT: throw new Error('the allowed canary sings')
