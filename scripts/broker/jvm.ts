import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { KAFKA_VERSION, messageOf, SINGLE_NODE, Unavailable, type Broker } from './broker.js'
import { freePorts } from './ports.js'

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const CACHE = here('../../.cache')
const CLASS_PATH = join(CACHE, `kafka-${KAFKA_VERSION}.classpath`)
const OLDEST_JAVA = 17
const LOG_LENGTH = 4000

/** Starts Kafka on this machine's Java. */
export async function startJvm(): Promise<Broker> {
  if (process.platform === 'win32')
    throw new Unavailable('Kafka does not run on Windows (use Docker, or WSL)')
  const java = await findJava()
  const classPath = await kafkaClassPath()
  const [port = 0, controllerPort = 0] = await freePorts(2)
  const folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-broker-'))
  await writeFile(
    join(folder, 'server.properties'),
    serverProperties(port, controllerPort, join(folder, 'data')),
  )
  const options = [
    `-Dlog4j2.configurationFile=${here('log4j2.properties')}`,
    // Both would leave files in the machine's temporary folder: unpacked compression codecs, counters.
    `-Djava.io.tmpdir=${folder}`,
    '-XX:-UsePerfData',
    ...['-cp', classPath],
  ]
  // In its own session, which a Ctrl-C in the terminal does not reach, so that the broker outlives the command.
  const shell = spawn('sh', [here('kafka.sh'), folder, clusterId(), java, ...options], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let log = ''
  shell.stdout.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-LOG_LENGTH)))
  // Its end, whoever caused it, is that of its process group: the broker, and the process that watches for our end.
  shell.once('exit', () => {
    killGroup(shell.pid)
  })
  const gone = once(shell, 'close').then(() => rm(folder, { recursive: true, force: true }))
  return {
    brokers: [`127.0.0.1:${String(port)}`],
    origin: `Apache Kafka ${KAFKA_VERSION} on this machine's Java`,
    ended: gone.then(() => `Kafka ended:\n${log}`),
    stop: () => {
      shell.kill('SIGKILL')
      return gone
    },
  }
}

function killGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGKILL')
  } catch {
    // The others ended before.
  }
}

/** Finds the first Java that is new enough. */
async function findJava(): Promise<string> {
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
async function kafkaClassPath(): Promise<string> {
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

/** `server.properties` of a broker on two ports of 127.0.0.1. */
export function serverProperties(port: number, controllerPort: number, dataFolder: string): string {
  const settings = {
    ...SINGLE_NODE,
    listeners: `PLAINTEXT://127.0.0.1:${String(port)},CONTROLLER://127.0.0.1:${String(controllerPort)}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${String(port)}`,
    'controller.quorum.voters': `1@127.0.0.1:${String(controllerPort)}`,
    'log.dirs': dataFolder,
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

/** Makes an id like `StorageTool random-uuid`, without another JVM. A leading dash would look like an option. */
function clusterId(): string {
  const id = randomBytes(16).toString('base64url')
  return id.startsWith('-') ? clusterId() : id
}
