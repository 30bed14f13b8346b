import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { KAFKA_VERSION, Unavailable, type Say } from './broker.js'
import { lastLines, run } from './process.js'

const POM = fileURLToPath(new URL('pom.xml', import.meta.url))
const HOUR_MS = 3_600_000

/** Where Kafka's jars are kept from one run to the next. */
export function jarsFolder(env: NodeJS.ProcessEnv = process.env): string {
  const xdg = env['XDG_CACHE_HOME']
  // The XDG base directory specification: a relative path is to be ignored.
  const cache = xdg && isAbsolute(xdg) ? xdg : join(homedir(), '.cache')
  return join(cache, 'kafka-envelope', `kafka-${KAFKA_VERSION}`)
}

/** Gives the folder with Kafka's jars, and fetches them with Maven the first time. */
export async function kafkaJars(say: Say, signal: AbortSignal): Promise<string> {
  const folder = jarsFolder()
  if (complete(folder)) return folder
  if (!(await hasMaven(signal))) throw new Unavailable('no Maven to fetch Kafka with')

  await mkdir(dirname(folder), { recursive: true })
  await removeAbandoned(folder)
  // A folder beside the real one, renamed when it is complete: an interrupted fetch is never used.
  const partial = await mkdtemp(`${folder}.partial-`)
  try {
    say(`fetching Apache Kafka ${KAFKA_VERSION} with Maven (about 45 MB, once) …`)
    const args = ['-q', '-B', '-f', POM, 'dependency:copy-dependencies', `-DoutputDirectory=${partial}`]
    const { code, output } = await run('mvn', args, signal)
    if (code !== 0) throw new Error(`Maven could not fetch Kafka:\n${lastLines(output)}`)
    // What somebody else fetched at the same time is as good; what is incomplete was emptied by hand.
    if (!complete(folder)) await rm(folder, { recursive: true, force: true })
    await rename(partial, folder).catch((error: unknown) => {
      if (!complete(folder)) throw error
    })
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
  return folder
}

function complete(folder: string): boolean {
  return existsSync(join(folder, `kafka_2.13-${KAFKA_VERSION}.jar`))
}

async function hasMaven(signal: AbortSignal): Promise<boolean> {
  const result = await run('mvn', ['-v'], signal).catch(() => undefined)
  signal.throwIfAborted()
  return result?.code === 0
}

/** Whether `kafkaJars` has a way to succeed. */
export async function jarsObtainable(signal: AbortSignal): Promise<boolean> {
  return complete(jarsFolder()) || hasMaven(signal)
}

/** Fetches that were killed leave their folder; an hour later nobody writes to it any more. */
async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(dirname(folder))) {
    const path = join(dirname(folder), name)
    if (!path.startsWith(`${folder}.partial-`)) continue
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }))
    if (Date.now() - mtimeMs > HOUR_MS) await rm(path, { recursive: true, force: true })
  }
}
