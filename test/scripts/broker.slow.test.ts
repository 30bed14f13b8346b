import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { Unavailable, type Broker } from '../../scripts/broker/broker.js'
import { javaRelease } from '../../scripts/broker/jvm-programs.js'
import { serverProperties } from '../../scripts/broker/jvm.js'
import { obtainBroker } from '../../scripts/broker/obtain.js'
import { freePorts } from '../../scripts/broker/ports.js'

const answers = (): Promise<void> => Promise.resolve()
const refuses = (): Promise<void> => Promise.reject(new Error('connection refused'))
const noEngine = new Unavailable('no Docker engine answers')
const noJava = new Unavailable('no Java, Kafka needs 17 or later')

function broker(origin: string, ended?: Promise<string>): Broker {
  return { brokers: [`${origin}:1`], origin, stop: vi.fn(answers), ...(ended && { ended }) }
}
const container = broker('container')
const java = broker('java')

/** A machine where each way to get a broker has this outcome; messages to the user are kept here. */
function machine(docker: Broker | Error, jvm: Broker | Error) {
  const asked: string[] = []
  const said: string[] = []
  vi.spyOn(console, 'error').mockImplementation((line: string) => said.push(line))
  const way = (name: string, outcome: Broker | Error) => ({
    remedy: `install ${name}`,
    start: () => {
      asked.push(name)
      return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome)
    },
  })
  const ways = { docker: way('docker', docker), jvm: way('jvm', jvm) }
  const obtain = (
    env: NodeJS.ProcessEnv = {},
    check: (brokers: readonly string[]) => Promise<void> = answers,
  ) => obtainBroker(env, ways, check)
  return { asked, said, obtain }
}
afterEach(() => {
  vi.restoreAllMocks()
})

describe('the broker of a run', () => {
  it('the address in KAFKA_BROKERS is used before anything else', async () => {
    const { asked, obtain } = machine(container, java)
    expect((await obtain({ KAFKA_BROKERS: 'a:1, b:2' })).brokers).toEqual(['a:1', 'b:2'])
    expect(asked).toEqual([])
  })

  it('an address that does not answer is an error, and no other broker is started', async () => {
    const { asked, obtain } = machine(container, java)
    const failure = /KAFKA_BROKERS=a:1: connection refused.*unset KAFKA_BROKERS/s
    await expect(obtain({ KAFKA_BROKERS: 'a:1' }, refuses)).rejects.toThrow(failure)
    expect(asked).toEqual([])
  })

  it.each(['a', 'a:', ':1', 'a:1,', 'http://a:1'])(
    'the address %j is refused, since it is not host:port',
    async (value) => {
      await expect(machine(container, java).obtain({ KAFKA_BROKERS: value })).rejects.toThrow(
        /is not host:port/,
      )
    },
  )

  it('an empty KAFKA_BROKERS counts as none', async () => {
    expect(await machine(container, java).obtain({ KAFKA_BROKERS: '' })).toBe(container)
  })

  it('a container is preferred to Java', async () => {
    const { asked, obtain } = machine(container, java)
    expect(await obtain()).toBe(container)
    expect(asked).toEqual(['docker'])
  })

  it('a way to start a broker that the machine does not have is skipped silently', async () => {
    const { said, obtain } = machine(noEngine, java)
    expect(await obtain()).toBe(java)
    expect(said).toEqual([])
  })

  it.each([
    ['whose start fails', new Error('pull failed'), answers, 'pull failed'],
    [
      'that ends while it starts',
      broker('deaf', Promise.resolve('Kafka ended')),
      () => new Promise<void>(() => undefined),
      'Kafka ended',
    ],
    ['that does not answer', broker('deaf'), refuses, 'connection refused'],
  ])('a broker %s is stopped and reported, and the next way is tried', async (_, docker, check, why) => {
    const { said, obtain } = machine(docker, java)
    const found = await obtain({}, ([address]) => (address === 'deaf:1' ? check() : answers()))
    expect(found).toBe(java)
    expect(said).toEqual([expect.stringContaining(why)])
    if (!(docker instanceof Error)) expect(docker.stop).toHaveBeenCalledOnce()
  })

  it('if there is no broker, the error says why and names three remedies', async () => {
    const failure = String(
      await machine(noEngine, noJava)
        .obtain()
        .catch((error: unknown) => error),
    )
    const parts = [noEngine.message, noJava.message, 'install docker', 'install jvm', 'set KAFKA_BROKERS']
    for (const part of parts) expect(failure).toContain(part)
  })

  it('KAFKA_ENVELOPE_BROKER forces a way to get a broker, whatever KAFKA_BROKERS is', async () => {
    const env = { KAFKA_ENVELOPE_BROKER: 'jvm', KAFKA_BROKERS: 'a:1' }
    expect(await machine(container, java).obtain(env)).toBe(java)
  })

  it('a forced way that the machine does not have is an error', async () => {
    const { asked, obtain } = machine(container, noJava)
    await expect(obtain({ KAFKA_ENVELOPE_BROKER: 'jvm' })).rejects.toThrow(noJava.message)
    expect(asked).toEqual(['jvm'])
  })

  it('KAFKA_ENVELOPE_BROKER is refused if it names no known way', async () => {
    const obtained = machine(container, java).obtain({ KAFKA_ENVELOPE_BROKER: 'podman' })
    await expect(obtained).rejects.toThrow('KAFKA_ENVELOPE_BROKER is docker or jvm, not "podman"')
  })
})

describe('Kafka on Java', () => {
  it.each([
    ['openjdk version "17.0.15" 2025-04-15', 17],
    ['java version "1.8.0_402"', 8],
    ['openjdk version "26-ea" 2026-03-17', 26],
    ['The operation couldn’t be completed. Unable to locate a Java Runtime.', undefined],
  ])('the release in %j is %j', (output, release) => {
    expect(javaRelease(output)).toBe(release)
  })

  it('every address of the broker is on 127.0.0.1', () => {
    const addresses = serverProperties(1, 2, '/data').match(/(?<=\/\/|@)[^,\n]*:\d+/g)
    expect(addresses).toEqual(['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:1', '127.0.0.1:2'])
  })

  it('the ports of the broker are free and different', async () => {
    const ports = await freePorts(3)
    expect(new Set(ports).size).toBe(3)
  })
})

const has = (program: string): boolean => spawnSync(program, ['-version']).status === 0
const possible = process.platform !== 'win32' && has('java') && has('mvn')

describe.skipIf(!possible)('with-broker', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  // A temporary folder of our own tells this test's broker from others.
  const folder = mkdtempSync(join(tmpdir(), 'broker-test-'))
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  const withBroker = (...command: string[]): ChildProcess => {
    const args = ['--import', tsx, 'scripts/broker/with-broker.ts', '--', process.execPath, ...command]
    const env = { ...process.env, TMPDIR: folder, KAFKA_ENVELOPE_BROKER: 'jvm' }
    return spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] })
  }
  const brokerFolders = (): string[] =>
    readdirSync(folder).filter((name) => name.startsWith('kafka-envelope-broker-'))
  const brokerProcesses = (): { pid: number; parent: number; args: string }[] => {
    const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
    return stdout
      .split('\n')
      .filter((line) => line.includes(`${folder}/kafka-envelope-broker-`))
      .map((line) => {
        const [, pid, parent, args = ''] = /^ *(\d+) +(\d+) (.*)$/.exec(line) ?? []
        return { pid: Number(pid), parent: Number(parent), args }
      })
  }
  /** The shell under this parent that supervises the broker. */
  const shellOf = (parent: number | undefined): number => {
    const shells = brokerProcesses().filter((p) => p.parent === parent && p.args.includes('kafka.sh'))
    expect(shells).toHaveLength(1)
    return shells[0]?.pid ?? NaN
  }
  const nothingLeft = (): Promise<void> =>
    vi.waitFor(
      () => {
        expect(brokerProcesses()).toEqual([])
        expect(brokerFolders()).toEqual([])
      },
      { timeout: 10_000, interval: 100 },
    )

  it(
    'the command can use the broker and gets signals; with-broker ends with its exit code, and so does the broker',
    { timeout: 240_000 },
    async () => {
      const script = `
      import { Kafka, logLevel } from 'kafkajs'
      process.on('SIGTERM', () => process.exit(5))
      const admin = new Kafka({ brokers: [process.env.KAFKA_BROKERS], logLevel: logLevel.ERROR }).admin()
      await admin.connect()
      await admin.createTopics({ waitForLeaders: true, topics: [{ topic: 'tiny', numPartitions: 3 }] })
      console.log(await admin.listTopics(), process.env.KAFKA_ENVELOPE_BROKER)`
      const child = withBroker('--input-type=module', '-e', script)
      const [output] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
      expect(output.toString()).toBe("[ 'tiny' ] undefined\n")
      child.kill('SIGTERM')
      const [code] = (await once(child, 'close')) as [number]
      expect(code).toBe(5)
      expect([...brokerProcesses(), ...brokerFolders()]).toEqual([])
    },
  )

  it('the broker ends when with-broker is killed', { timeout: 60_000 }, async () => {
    // The command outlives a killed parent for a moment, then ends by itself.
    const child = withBroker('-e', 'console.log("up"); setTimeout(() => {}, 5000)')
    await once(child.stdout as NodeJS.ReadableStream, 'data')
    expect(brokerFolders()).toHaveLength(1)
    expect(brokerProcesses().length).toBeGreaterThan(0)
    child.kill('SIGKILL')
    await nothingLeft()
  })

  it('the broker ends when its shell is killed', { timeout: 60_000 }, async () => {
    const child = withBroker('-e', 'console.log("up"); setInterval(() => {}, 5000)')
    await once(child.stdout as NodeJS.ReadableStream, 'data')
    process.kill(shellOf(child.pid), 'SIGKILL')
    await nothingLeft()
    expect(child.exitCode).toBeNull()
    child.kill('SIGTERM')
    await once(child, 'close')
  })

  it(
    'the broker ends with the command when the process that watches it was killed',
    { timeout: 60_000 },
    async () => {
      const child = withBroker('-e', 'console.log("up"); setTimeout(() => {}, 2000)')
      await once(child.stdout as NodeJS.ReadableStream, 'data')
      process.kill(shellOf(shellOf(child.pid)), 'SIGKILL')
      const [code] = (await once(child, 'close')) as [number]
      expect(code).toBe(0)
      expect([...brokerProcesses(), ...brokerFolders()]).toEqual([])
    },
  )

  it(
    'nothing remains of a broker if with-broker is killed while it starts',
    { timeout: 60_000 },
    async () => {
      const child = withBroker('-e', '')
      await vi.waitFor(
        () => {
          expect(brokerProcesses().length).toBeGreaterThan(0)
        },
        { timeout: 30_000, interval: 20 },
      )
      child.kill('SIGKILL')
      await nothingLeft()
    },
  )
})
