/**
 * Runs a command with a Kafka broker: obtains one, gives its address to the command in KAFKA_BROKERS, stops
 * it when the command has ended, and ends with the command's exit code.
 */
import { messageOf } from './broker.js'
import { exitCodeOf, runCommand, SIGNALS } from './command.js'
import { obtainBroker } from './find.js'

const USAGE = `usage: tsx scripts/broker/with-broker.ts -- COMMAND ARGS…

Runs the command with the address of a Kafka broker in KAFKA_BROKERS. The broker is the one that
KAFKA_BROKERS names already; else one in a container, where a Docker engine answers; else one on
Java 17 or later, fetched once with Maven. The last two end with the command.

  KAFKA_BROKERS          host:port[,host:port…] of a broker without TLS and without login
  KAFKA_ENVELOPE_BROKER  docker or jvm: start this one, whatever else there is
`
const PARENT_CHECK_MS = 500
/** How long a command has to end after its terminal or its starter went away. */
const GRACE_MS = 10_000

const command = process.argv.slice(process.argv[2] === '--' ? 3 : 2)
if (command.length === 0) {
  process.stderr.write(USAGE)
  process.exit(2)
}

const stopped = new AbortController()
let first: NodeJS.Signals | undefined
let pass: ((signal: NodeJS.Signals) => void) | undefined
function onSignal(signal: NodeJS.Signals): void {
  first ??= signal
  stopped.abort()
  // A terminal's Ctrl-C has reached the command too, and two of them mean "at once" to many programs.
  if (signal !== 'SIGINT' || !process.stdin.isTTY) pass?.(signal)
}
for (const signal of SIGNALS) process.on(signal, onSignal)

// tsx runs this file in a child process: if tsx is killed, nothing but the change of the parent tells.
const parent = process.ppid
const watch = setInterval(() => {
  if (process.ppid === parent) return
  clearInterval(watch)
  onSignal('SIGHUP')
  setTimeout(() => pass?.('SIGKILL'), GRACE_MS).unref()
}, PARENT_CHECK_MS).unref()

async function main(): Promise<number> {
  const broker = await obtainBroker({ signal: stopped.signal })
  try {
    if (first !== undefined) return exitCodeOf(first)
    process.stderr.write(`broker: ${broker.brokers.join(',')} (${broker.origin})\n`)
    const env: NodeJS.ProcessEnv = { ...process.env, KAFKA_BROKERS: broker.brokers.join(',') }
    // The search is over: the command, should it search too, takes this broker.
    delete env['KAFKA_ENVELOPE_BROKER']
    return await runCommand(command, env, (listener) => (pass = listener))
  } finally {
    await broker.stop()
  }
}

const code = await main().catch((error: unknown) => {
  if (first !== undefined) return exitCodeOf(first)
  process.stderr.write(`${messageOf(error)}\n`)
  return 1
})
process.exit(code)
