import { once } from 'node:events'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { KAFKA_VERSION, Unavailable } from './broker.js'
import type { Hosting, Running } from './host.js'
import { findJava } from './java.js'
import { kafkaJars } from './jars.js'
import { clusterId, LOG4J, serverProperties } from './jvm-files.js'
import { onFreePorts, PortTaken } from './ports.js'
import { killGroup, lastLines, run, startGroup } from './process.js'

const START_MS = 60_000

/** Starts Kafka on this machine's Java. */
export async function startJvm(hosting: Hosting): Promise<Running> {
  // Kafka supports no native Windows, and process groups are a thing of POSIX.
  if (process.platform === 'win32') throw new Unavailable('not on Windows (use Docker, or WSL)')
  const java = await findJava(hosting.signal)
  const jars = await kafkaJars(hosting.say, hosting.signal)
  return onFreePorts(2, async ([port = 0, controllerPort = 0]) => {
    const folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-broker-'))
    hosting.owns({ folder })
    try {
      const config = join(folder, 'server.properties')
      await writeFile(config, serverProperties(port, controllerPort, join(folder, 'data')))
      await writeFile(join(folder, 'log4j2.properties'), LOG4J)
      const { ended, stop } = await launch(java.command, jars, folder, hosting)
      const origin = `Apache Kafka ${KAFKA_VERSION} on this machine's Java ${String(java.release)}`
      return { brokers: [`127.0.0.1:${String(port)}`], origin, ended, stop }
    } catch (error) {
      await remove(folder)
      throw error
    }
  })
}

async function launch(
  java: string,
  jars: string,
  folder: string,
  { signal, owns }: Hosting,
): Promise<Pick<Running, 'ended' | 'stop'>> {
  const config = join(folder, 'server.properties')
  const common = [
    `-Dlog4j2.configurationFile=${join(folder, 'log4j2.properties')}`,
    // Both would leave files in the machine's temporary folder: unpacked compression codecs, counters.
    `-Djava.io.tmpdir=${folder}`,
    '-XX:-UsePerfData',
    '-cp',
    join(jars, '*'),
  ]
  // Lives for a second: do not compile what runs once.
  const quick = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx128m', ...common]
  const format = await run(
    java,
    [...quick, 'kafka.tools.StorageTool', 'format', '-t', clusterId(), '-c', config],
    signal,
  )
  if (format.code !== 0) throw new Error(`Kafka's folder could not be prepared:\n${lastLines(format.output)}`)

  const logFile = join(folder, 'broker.log')
  const log = await open(logFile, 'w')
  const broker = await startGroup(java, ['-Xmx512m', ...common, 'kafka.Kafka', config], {
    stdio: ['ignore', log.fd, log.fd],
  })
  owns({ pid: broker.pid })
  const exit = once(broker, 'exit')
  await log.close()
  const ended = exit.then(async () => lastLines(await readFile(logFile, 'utf8').catch(() => '')))
  const stop = async (): Promise<void> => {
    killGroup(broker.pid)
    await exit
    await remove(folder)
  }

  try {
    const waiting = new AbortController()
    const up = started(logFile, AbortSignal.any([signal, waiting.signal]))
    const outcome = await Promise.race([up, ended]).finally(() => {
      waiting.abort()
    })
    if (outcome === true) return { ended, stop }
    const text = await readFile(logFile, 'utf8')
    if (/BindException|Address already in use/.test(text)) throw new PortTaken('Kafka found its port taken')
    throw new Error(`Kafka did not start:\n${outcome === false ? lastLines(text) : outcome}`)
  } catch (error) {
    await stop()
    throw error
  }
}

/** True once the log says that the broker is up, false if it does not in time. */
async function started(logFile: string, signal: AbortSignal): Promise<boolean> {
  const end = performance.now() + START_MS
  while (performance.now() < end) {
    if ((await readFile(logFile, 'utf8')).includes('Kafka Server started')) return true
    await sleep(50, undefined, { signal })
  }
  return false
}

function remove(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 5 })
}
