import { join } from 'node:path'
import { Unavailable } from './broker.js'
import { run } from './process.js'

/** What Kafka 4 asks for. */
const OLDEST_JAVA = 17

/** The feature release in the output of `java -version`: 8 for "1.8.0_402", 17 for "17.0.15". */
export function javaRelease(output: string): number | undefined {
  const found = /version "(?:1\.)?(\d+)/.exec(output)?.[1]
  return found === undefined ? undefined : Number(found)
}

/** The `java` to use and its release. */
export async function findJava(signal: AbortSignal): Promise<{ command: string; release: number }> {
  const home = process.env['JAVA_HOME']
  const candidates = [...(home ? [join(home, 'bin', 'java')] : []), 'java']
  let seen = 'no Java'
  for (const command of candidates) {
    const result = await run(command, ['-version'], signal).catch(() => undefined)
    signal.throwIfAborted()
    // macOS has a `java` that only says where to get Java: it ends with a code other than 0.
    const release = result?.code === 0 ? javaRelease(result.output) : undefined
    if (release !== undefined && release >= OLDEST_JAVA) return { command, release }
    if (release !== undefined) seen = `only Java ${String(release)}`
  }
  throw new Unavailable(`${seen}, Kafka needs ${String(OLDEST_JAVA)} or later`)
}
