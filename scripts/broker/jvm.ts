import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { KAFKA_VERSION, SINGLE_NODE, Unavailable, type Broker } from './broker.js'
import { findJava, kafkaClassPath } from './jvm-programs.js'
import { freePorts } from './ports.js'

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const LOG_LENGTH = 4000
/** While a folder has this file, the end of its broker does not remove it; `kafka.sh` repeats the name. */
const KEEP = 'keep'

/** Starts Kafka on this machine's Java. */
export async function startJvm(): Promise<Broker> {
  const [port = 0, controllerPort = 0] = await freePorts(2)
  const { data, start } = await prepareJvm((data) => serverProperties(port, controllerPort, data))
  const { ended, kill } = start()
  return {
    brokers: [`127.0.0.1:${String(port)}`],
    origin: `Apache Kafka ${KAFKA_VERSION} on this machine's Java`,
    dataFolder: data,
    ended,
    stop: kill,
  }
}

/** A folder for a broker, which `start` can use several times, one after the other. */
export interface JvmFolder {
  /** Where the broker keeps what it was sent. */
  readonly data: string
  /** Starts a broker. It does not wait until the broker answers. */
  start(): JvmProcess
  /** While it is kept, the folder outlives its broker, and the next broker continues with its data. */
  keep(isKept: boolean): Promise<void>
}

/** A broker's process, and those that watch it. */
export interface JvmProcess {
  /** Resolves when it has ended, with its last output. */
  readonly ended: Promise<string>
  /** Ends it with SIGKILL, and removes the folder unless it is kept. */
  kill(): Promise<void>
}

/**
 * Makes the folder of a broker.
 * @param properties returns the content of `server.properties` for a data folder
 * @throws Unavailable if this machine cannot run Kafka
 */
export async function prepareJvm(properties: (data: string) => string): Promise<JvmFolder> {
  if (process.platform === 'win32')
    throw new Unavailable('Kafka does not run on Windows (use Docker, or WSL)')
  const java = await findJava()
  const classPath = await kafkaClassPath()
  const folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-broker-'))
  const data = join(folder, 'data')
  await writeFile(join(folder, 'server.properties'), properties(data))
  const options = [
    `-Dlog4j2.configurationFile=${here('log4j2.properties')}`,
    // Both would leave files in the machine's temporary folder: unpacked compression codecs, counters.
    `-Djava.io.tmpdir=${folder}`,
    '-XX:-UsePerfData',
    ...['-cp', classPath],
  ]
  const keptFile = join(folder, KEEP)
  return {
    data,
    start: () => startProcess(folder, [java, ...options]),
    keep: (isKept) => (isKept ? writeFile(keptFile, '') : rm(keptFile, { force: true })),
  }
}

function startProcess(folder: string, java: readonly string[]): JvmProcess {
  // In its own session, which a Ctrl-C in the terminal does not reach, so that the broker outlives the command.
  const shell = spawn('sh', [here('kafka.sh'), folder, clusterId(), ...java], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let log = ''
  shell.stdout.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-LOG_LENGTH)))
  // Its end, whoever caused it, is that of its process group: the broker, and the process that watches for our end.
  shell.once('exit', () => {
    killGroup(shell.pid)
  })
  const gone = once(shell, 'close').then(() => removeUnlessKept(folder))
  return {
    ended: gone.then(() => `Kafka ended:\n${log}`),
    kill: () => {
      shell.kill('SIGKILL')
      return gone
    },
  }
}

async function removeUnlessKept(folder: string): Promise<void> {
  if (!existsSync(join(folder, KEEP))) await rm(folder, { recursive: true, force: true })
}

function killGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGKILL')
  } catch {
    // The others ended before.
  }
}

/** `server.properties` of a broker on two ports of 127.0.0.1, with other settings beside or instead of its own. */
export function serverProperties(
  port: number,
  controllerPort: number,
  dataFolder: string,
  others: Readonly<Record<string, string>> = {},
): string {
  const settings = {
    ...SINGLE_NODE,
    listeners: `PLAINTEXT://127.0.0.1:${String(port)},CONTROLLER://127.0.0.1:${String(controllerPort)}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${String(port)}`,
    'controller.quorum.voters': `1@127.0.0.1:${String(controllerPort)}`,
    'log.dirs': dataFolder,
    ...others,
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
