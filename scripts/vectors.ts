import { tryVectors } from './vectors/try-vectors.js'

// Runs the library's opener over files of test vectors (docs/format.md, section 17): a line for each disagreement, and
// exit code 1 if there is one, or if a file cannot be read.
const files = process.argv.slice(2)
let count = 0
let wrong = 0
let unreadable = 0
for (const file of files) {
  const tried = await tryVectors(file)
  for (const line of tried.lines) console.log(line)
  count += tried.count
  if (tried.readable) wrong += tried.lines.length
  else unreadable++
}
console.log(
  `${String(count)} vectors, ${String(wrong)} disagreements, ${String(unreadable)} files that cannot be read`,
)
if (files.length === 0) console.error('usage: npm run vectors -- FILE…')
process.exitCode = wrong > 0 || unreadable > 0 || count === 0 ? 1 : 0
