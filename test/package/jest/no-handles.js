const { readFileSync } = require('node:fs')

const output = readFileSync('handles.txt', 'utf8')
if (!/1 passed/.test(output) || /open handle/.test(output)) {
  console.error(output)
  process.exitCode = 1
}
