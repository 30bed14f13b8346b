import { PARTS } from './parts/parts.js'

/*
 * Measures in this process: `node run.js PART [RUN…] [quick]`, by default all runs of the part, one after the other, and
 * both engines; with `KAFKA_ENVELOPE_BENCH_ENGINE=native` or `node`, that one alone. Each case goes to the parent. Without a
 * parent it is printed, so that a profiler can run it.
 */

const [partName = '', ...others] = process.argv.slice(2)
const part = PARTS[partName]
if (part === undefined) throw new Error(`there is no part "${partName}"`)
const runs = part.runs({ quick: others.includes('quick') })
const names = others.filter((name) => name !== 'quick')
for (const name of names)
  if (!runs.some((run) => run.name === name))
    throw new Error(`${partName} has no run "${name}", but ${runs.map((run) => run.name).join(', ')}`)
for (const run of runs) {
  if (names.length > 0 && !names.includes(run.name)) continue
  for (const done of await run.measure()) {
    if (process.send === undefined) console.log(JSON.stringify(done, undefined, 2))
    else process.send(done)
  }
}
if (process.connected) process.disconnect()
