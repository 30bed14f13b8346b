import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { KAFKA_VERSION, messageOf, Unavailable } from './broker.js'

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const CACHE = here('../../.cache')
const CLASS_PATH = join(CACHE, `kafka-${KAFKA_VERSION}.classpath`)
const OLDEST_JAVA = 17

/** Finds the first Java that is new enough. */
export async function findJava(): Promise<string> {
  const home = process.env['JAVA_HOME']
  let found = 'no Java'
  for (const java of [...(home ? [join(home, 'bin', 'java')] : []), 'java']) {
    // macOS has a `java` that only explains where to get Java, and fails.
    const { stderr } = await promisify(execFile)(java, ['-version']).catch(() => ({ stderr: '' }))
    const release = javaRelease(stderr)
    if (release === undefined) continue
    if (release >= OLDEST_JAVA) return java
    found = `only Java ${String(release)}`
  }
  throw new Unavailable(`${found}, Kafka needs ${String(OLDEST_JAVA)} or later`)
}

/** The feature release in the output of `java -version`: 8 for "1.8.0_402", 17 for "17.0.15". */
export function javaRelease(output: string): number | undefined {
  const found = /version "(?:1\.)?(\d+)/.exec(output)?.[1]
  return found === undefined ? undefined : Number(found)
}

/** Returns Kafka's jars, which Maven fetches once and keeps in its own repository. */
export async function kafkaClassPath(): Promise<string> {
  const known = await readFile(CLASS_PATH, 'utf8').catch(() => '')
  if (known !== '' && known.split(delimiter).every((jar) => existsSync(jar))) return known
  console.error(`broker: resolving Apache Kafka ${KAFKA_VERSION} with Maven (fetches about 45 MB once) …`)
  await mkdir(CACHE, { recursive: true })
  const partial = `${CLASS_PATH}.${String(process.pid)}`
  const goal = ['dependency:build-classpath', `-Dmdep.outputFile=${partial}`]
  await promisify(execFile)('mvn', ['-q', '-B', '-f', here('pom.xml'), ...goal]).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new Unavailable('no Maven to fetch Kafka with')
    throw new Error(`Maven could not fetch Kafka: ${messageOf(error)}`, { cause: error })
  })
  await rename(partial, CLASS_PATH)
  return readFile(CLASS_PATH, 'utf8')
}
