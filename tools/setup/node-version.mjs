// Imported first by every command: a Node.js that is too old gets one line instead of a stack trace.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Node.js ${process.versions.node} is too old: install 20.19 or newer (22 and 24 are fine) from https://nodejs.org, then start again.`)
  process.exit(1)
}
