import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { pages } from './pages.js'

/* Writes what shows results: the tables of docs/faults.md, and its chart. */

for (const [file, text] of await pages())
  await writeFile(fileURLToPath(new URL(`../../${file}`, import.meta.url)), text)
