// %% [markdown]
// # A cell that is not executed
// nbclient leaves it out because of its tag. Both forms are canaries.

// %% tags=["skip-execution"]
console.log('never said')
