import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { messageOf } from './broker.js'
import { obtainBroker } from './obtain.js'

const USAGE = `usage: tsx scripts/broker/with-broker.ts -- COMMAND ARGS…

Runs the command with the address of a Kafka broker in KAFKA_BROKERS, and ends with its exit code. The broker is the
one that KAFKA_BROKERS names already; else one in a container, where a Docker engine answers; else one on Java 17 or
later, fetched once with Maven. The last two end with the command.

  KAFKA_BROKERS          host:port[,host:port…] of a broker without TLS and login
  KAFKA_ENVELOPE_BROKER  docker or jvm: start this one, whatever else there is
`

const [command, ...args] = process.argv.slice(process.argv[2] === '--' ? 3 : 2)
if (command === undefined) {
  console.error(USAGE)
  process.exit(2)
}
process.exit(
  await run(command).catch((error: unknown) => {
    console.error(messageOf(error))
    return 1
  }),
)

async function run(program: string): Promise<number> {
  // Until the command runs, a signal ends this process immediately, and the broker with it.
  const broker = await obtainBroker()
  console.error(`broker: ${broker.brokers.join(',')} (${broker.origin})`)
  let stopping = false
  void broker.ended?.then((text) => {
    if (!stopping) console.error(`broker: ${text}`)
  })
  const env: NodeJS.ProcessEnv = { ...process.env, KAFKA_BROKERS: broker.brokers.join(',') }
  // A command that looks for a broker too must use this one.
  delete env['KAFKA_ENVELOPE_BROKER']
  try {
    return await exitCode(program, env)
  } finally {
    stopping = true
    await broker.stop()
  }
}

/** Runs the command as a shell would: on this process's streams, and with exit code 128 + n if a signal ended it. */
async function exitCode(program: string, env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // A terminal's Ctrl-C reaches the command too, and to many programs two of them mean "immediately".
    process.on(signal, () => (signal === 'SIGINT' && process.stdin.isTTY) || child.kill(signal))
  }
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  return signal === null ? (code ?? 1) : 128 + constants.signals[signal]
}
