import { readFile } from 'node:fs/promises'
import { openVector, parseVectors } from './vectors/run-vectors.js'

// Runs the library's opener over files of test vectors; a line for each disagreement.
const files = process.argv.slice(2)
let count = 0
let wrong = 0
for (const file of files) {
  for (const vector of parseVectors(await readFile(file, 'utf8'))) {
    const got = await openVector(vector)
    count++
    if (got.plaintext === vector.plaintext && got.error === vector.error) continue
    wrong++
    console.log(
      `${file}: ${vector.name}: expected ${vector.error ?? 'to open'}, got ${got.error ?? 'a plaintext'}`,
    )
  }
}
console.log(`${String(count)} vectors, ${String(wrong)} disagreements`)
if (files.length === 0) console.error('usage: npm run vectors -- FILE…')
process.exitCode = wrong > 0 || count === 0 ? 1 : 0
