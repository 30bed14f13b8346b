import { PARTS } from './parts/parts.js'

/*
 * Runs one part in this process: `node run.js PART [quick]`. Each case goes to the parent. Without a parent it is
 * printed, so that a profiler can run a part alone.
 */

const [name = '', quick] = process.argv.slice(2)
const part = PARTS[name]
if (part === undefined) throw new Error(`there is no part "${name}"`)
for await (const done of part.run({ quick: quick === 'quick' })) {
  if (process.send === undefined) console.log(JSON.stringify(done, undefined, 2))
  else process.send(done)
}
if (process.connected) process.disconnect()
