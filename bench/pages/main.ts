import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { pages } from './pages.js'

/* Writes what shows results: the tables of docs/performance.md, docs/compression.md and docs/secrets.md, and the charts. */

for (const [file, text] of await pages())
  await writeFile(fileURLToPath(new URL(`../../${file}`, import.meta.url)), text)
