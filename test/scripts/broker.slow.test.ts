import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { parseAddresses } from '../../scripts/broker/address.js'
import { Unavailable, type Broker, type Source } from '../../scripts/broker/broker.js'
import { exitCodeOf, runCommand } from '../../scripts/broker/command.js'
import { obtainBroker, type Search } from '../../scripts/broker/find.js'
import { jarsFolder, jarsObtainable } from '../../scripts/broker/jars.js'
import { findJava, javaRelease } from '../../scripts/broker/java.js'
import { clusterId, serverProperties } from '../../scripts/broker/jvm-files.js'
import { onFreePorts, PortTaken } from '../../scripts/broker/ports.js'

const answers = (): Promise<void> => Promise.resolve()
const silent = (): Promise<void> => Promise.reject(new Error('connection refused'))

/** A machine with two sources, each a broker, `Unavailable` or failing. */
function machine(docker: Broker | Error, jvm: Broker | Error, search: Search = {}) {
  const asked: string[] = []
  const said: string[] = []
  const source = (name: string, outcome: Broker | Error): Source => ({
    name,
    remedy: `install ${name}`,
    obtain: () => {
      asked.push(name)
      return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome)
    },
  })
  const obtain = (): Promise<Broker> =>
    obtainBroker({
      env: {},
      check: answers,
      say: (line) => said.push(line),
      sources: [source('docker', docker), source('jvm', jvm)],
      ...search,
    })
  return { asked, said, obtain }
}
const broker = (origin: string): Broker => ({ brokers: [`${origin}:1`], origin, stop: vi.fn(answers) })
const container = broker('container')
const java = broker('java')
const noEngine = new Unavailable('no Docker engine answers')
const noJava = new Unavailable('no Java, Kafka needs 17 or later')

describe('where a broker comes from', () => {
  test('an address in KAFKA_BROKERS is used before anything else', async () => {
    const { asked, obtain } = machine(container, java, { env: { KAFKA_BROKERS: 'a:1, b:2' } })
    expect((await obtain()).brokers).toEqual(['a:1', 'b:2'])
    expect(asked).toEqual([])
  })

  test('an address that does not answer is an error, not a reason to start a broker', async () => {
    const { asked, obtain } = machine(container, java, { env: { KAFKA_BROKERS: 'a:1' }, check: silent })
    await expect(obtain()).rejects.toThrow(/KAFKA_BROKERS=a:1: connection refused.*unset KAFKA_BROKERS/s)
    expect(asked).toEqual([])
  })

  test.each(['a', 'a:', ':1', 'a:1,', 'http://a:1'])('an address is host:port, not %j', (value) => {
    expect(() => parseAddresses(value)).toThrow(/KAFKA_BROKERS: .* is not host:port/)
  })

  test('an empty KAFKA_BROKERS is none', async () => {
    const { obtain } = machine(container, java, { env: { KAFKA_BROKERS: '' } })
    expect(await obtain()).toBe(container)
  })

  test('a container is preferred to Java', async () => {
    const { asked, obtain } = machine(container, java)
    expect(await obtain()).toBe(container)
    expect(asked).toEqual(['docker'])
  })

  test('a source that the machine does not have is passed over in silence', async () => {
    const { said, obtain } = machine(noEngine, java)
    expect(await obtain()).toBe(java)
    expect(said).toEqual([])
  })

  test('a source that fails is passed over with one line', async () => {
    const { said, obtain } = machine(new Error('pull failed:\n  no route\n'), java)
    expect(await obtain()).toBe(java)
    expect(said).toEqual(['no broker from docker: pull failed: | no route | '])
  })

  test('a broker that starts but does not answer is stopped and passed over', async () => {
    const deaf = broker('deaf')
    const check = ([address]: string[]): Promise<void> => (address === 'deaf:1' ? silent() : answers())
    const { said, obtain } = machine(deaf, java, { check })
    expect(await obtain()).toBe(java)
    expect(deaf.stop).toHaveBeenCalledOnce()
    expect(said).toEqual(['no broker from docker: it started but does not answer: connection refused'])
  })

  test('where there is none, the error says why and names each of the three ways', async () => {
    const message = await machine(noEngine, noJava)
      .obtain()
      .catch((error: unknown) => String(error))
    for (const part of [
      noEngine.message,
      noJava.message,
      'install docker',
      'install jvm',
      'set KAFKA_BROKERS',
    ])
      expect(message).toContain(part)
  })

  test('KAFKA_ENVELOPE_BROKER forces a source, even past an address', async () => {
    const env = { KAFKA_ENVELOPE_BROKER: 'jvm', KAFKA_BROKERS: 'a:1' }
    expect(await machine(container, java, { env }).obtain()).toBe(java)
  })

  test('a forced source that is not there is an error', async () => {
    const { asked, obtain } = machine(container, noJava, { env: { KAFKA_ENVELOPE_BROKER: 'jvm' } })
    await expect(obtain()).rejects.toThrow(noJava.message)
    expect(asked).toEqual(['jvm'])
  })

  test('KAFKA_ENVELOPE_BROKER is one of the known sources', async () => {
    const { obtain } = machine(container, java, { env: { KAFKA_ENVELOPE_BROKER: 'podman' } })
    await expect(obtain()).rejects.toThrow('KAFKA_ENVELOPE_BROKER is docker or jvm, not "podman"')
  })

  test('a search that is given up asks no further source', async () => {
    const { asked, obtain } = machine(noEngine, java, { signal: AbortSignal.abort() })
    await expect(obtain()).rejects.toThrow()
    expect(asked).toEqual(['docker'])
  })
})

describe('starting Kafka on Java', () => {
  test.each([
    ['openjdk version "17.0.15" 2025-04-15', 17],
    ['java version "1.8.0_402"', 8],
    ['openjdk version "26-ea" 2026-03-17', 26],
    ['The operation couldn’t be completed. Unable to locate a Java Runtime.', undefined],
  ])('the release in %j is %j', (output, release) => {
    expect(javaRelease(output)).toBe(release)
  })

  test('the jars are in the cache folder of the user', () => {
    expect(jarsFolder({ XDG_CACHE_HOME: '/c' })).toBe('/c/kafka-envelope/kafka-4.3.0')
    expect(jarsFolder({ XDG_CACHE_HOME: 'relative' })).toMatch(/\/\.cache\/kafka-envelope\/kafka-4\.3\.0$/)
  })

  test('every address of the broker is on 127.0.0.1', () => {
    const addresses = serverProperties(1, 2, '/data').match(/(?<=\/\/|@)[^,\n]*:\d+/g)
    expect(addresses).toEqual(['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:1', '127.0.0.1:2'])
  })

  test('a cluster id is no option', () => {
    for (let i = 0; i < 500; i++) expect(clusterId()).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/)
  })

  test('ports that got taken are replaced by others, a few times', async () => {
    const start = vi.fn((ports: number[]) => Promise.reject<number[]>(new PortTaken(ports.join())))
    await expect(onFreePorts(2, start)).rejects.toThrow(PortTaken)
    expect(start).toHaveBeenCalledTimes(5)
    start.mockRejectedValueOnce(new PortTaken()).mockImplementationOnce((ports) => Promise.resolve(ports))
    expect(new Set(await onFreePorts(2, start)).size).toBe(2)
  })

  test('another failure is not tried again', async () => {
    const start = vi.fn(() => Promise.reject(new Error('out of memory')))
    await expect(onFreePorts(1, start)).rejects.toThrow('out of memory')
    expect(start).toHaveBeenCalledOnce()
  })
})

describe('running a command', () => {
  const run = (...command: string[]): Promise<number> => runCommand(command, process.env, () => undefined)

  test('the exit code is the command’s, 128+n where a signal ended it', async () => {
    expect(await run(process.execPath, '-e', 'process.exit(7)')).toBe(7)
    expect(await run(process.execPath, '-e', 'process.kill(process.pid, "SIGTERM")')).toBe(
      exitCodeOf('SIGTERM'),
    )
    expect(exitCodeOf('SIGINT')).toBe(130)
  })

  test('signals are passed on to the command', async () => {
    const code = await runCommand(
      [process.execPath, '-e', 'setInterval(() => {}, 1000)'],
      process.env,
      (pass) => setTimeout(pass, 300, 'SIGHUP'),
    )
    expect(code).toBe(exitCodeOf('SIGHUP'))
  })
})

const never = new AbortController().signal
const possible =
  process.platform !== 'win32' &&
  (await jarsObtainable(never)) &&
  (await findJava(never).catch(() => undefined)) !== undefined

describe.skipIf(!possible)('a real broker', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  // A temporary folder of our own tells this test's broker from everybody else's.
  const folder = mkdtempSync(join(tmpdir(), 'broker-test-'))
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  const withBroker = (...command: string[]): ChildProcess => {
    // Without tsx's own process in between: the process that gets the SIGKILL shall be with-broker.
    const args = ['--import', loader, 'scripts/broker/with-broker.ts', '--', process.execPath, ...command]
    const env = { ...process.env, TMPDIR: folder, KAFKA_ENVELOPE_BROKER: 'jvm' }
    return spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] })
  }
  const brokerProcesses = (): string[] => {
    const { stdout } = spawnSync('ps', ['-A', '-o', 'args'], { encoding: 'utf8' })
    return stdout.split('\n').filter((line) => line.includes(`${folder}/kafka-envelope-broker-`))
  }
  const brokerFolders = (): string[] =>
    readdirSync(folder).filter((name) => name.startsWith('kafka-envelope-broker-'))

  test('it serves the command and ends with it', { timeout: 240_000 }, async () => {
    const script = `
      import { Kafka, logLevel } from 'kafkajs'
      const admin = new Kafka({ brokers: [process.env.KAFKA_BROKERS], logLevel: logLevel.ERROR }).admin()
      await admin.connect()
      await admin.createTopics({ waitForLeaders: true, topics: [{ topic: 'tiny', numPartitions: 3 }] })
      console.log(await admin.listTopics(), process.env.KAFKA_ENVELOPE_BROKER)
      await admin.disconnect()
      process.exitCode = 5`
    const child = withBroker('--input-type=module', '-e', script)
    let output = ''
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const [code] = (await once(child, 'close')) as [number]
    expect(output).toBe("[ 'tiny' ] undefined\n")
    expect(code).toBe(5)
    expect(brokerProcesses()).toEqual([])
    expect(brokerFolders()).toEqual([])
  })

  test('it ends when the process that asked for it is killed', { timeout: 60_000 }, async () => {
    // The command outlives a killed parent for a moment, and then ends by itself.
    const child = withBroker('-e', 'console.log("up"); setTimeout(() => {}, 1000)')
    await once(child.stdout as NodeJS.ReadableStream, 'data')
    expect(brokerProcesses()).toHaveLength(1)
    expect(brokerFolders()).toHaveLength(1)
    child.kill('SIGKILL')
    await vi.waitFor(
      () => {
        expect(brokerProcesses()).toEqual([])
        expect(brokerFolders()).toEqual([])
      },
      { timeout: 10_000, interval: 100 },
    )
  })
})
