import { readFile, writeFile } from 'node:fs/promises'
import { flameGraph, type CpuProfile } from './flame-graph.js'

/* Draws a profile: `npm run bench:flame -- FILE.cpuprofile FILE.svg "title"`. */

const [from = '', to = '', title = ''] = process.argv.slice(2)
await writeFile(to, flameGraph(JSON.parse(await readFile(from, 'utf8')) as CpuProfile, title))
