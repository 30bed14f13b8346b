import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { temporaryFolder, type TemporaryFolder } from '../kms/local/temporary-folder.js'
import { createKeyring } from '../../src/kms/local/index.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

let folder: TemporaryFolder
let config: string
/** Accepts connections and never answers. */
let silent: Server
beforeEach(async () => {
  folder = await temporaryFolder()
  config = folder.at('config.yaml')
  await createKeyring(folder.at('dev.keyring'), [{ id: 'orders', type: 'aes-256' }])
  await writeFile(
    config,
    `version: 1
kms: { dev: { provider: local, keyring: dev.keyring } }
cmks: { orders: [{ kms: dev, id: orders }] }
topics: [{ match: [orders], decrypt: { cmk: orders } }]
`,
  )
  silent = createServer((socket) => socket.on('error', () => undefined).resume()).listen(0, '127.0.0.1')
  await once(silent, 'listening')
})
afterEach(async () => {
  silent.close()
  await folder.remove()
})

const ALLOW = ['--code', 'NOT_SEALED', '--until', '7d', '--by', 'ops', '--why', 'a test', '--skip']

// KafkaJS waits for each answer for half a minute: the time-out of the test is shorter.
it.each([
  [['scan', 'orders'], 'interrupted; with --report FILE, the next scan would go on here\n'],
  [['cutover', 'orders', '--config'], 'interrupted; nothing was written\n'],
  [['cutover', 'orders', '--accept-plaintext', '--config'], 'interrupted; nothing was written\n'],
  [['allow', 'orders:0:1', ...ALLOW, '--config'], 'interrupted; nothing was changed\n'],
])(
  'Ctrl-C ends %j soon, though the broker never answers',
  async (args, hint) => {
    const brokers = ['--brokers', `127.0.0.1:${String((silent.address() as AddressInfo).port)}`]
    const given = args.at(-1) === '--config' ? [...args, config] : args
    const all = ['--import', 'tsx', 'src/cli/main.ts', ...given, ...brokers]
    const program = spawn(process.execPath, all, { cwd: ROOT })
    let stderr = ''
    program.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    const ended = once(program, 'close')
    await once(silent, 'connection')
    program.kill('SIGINT')
    expect([(await ended)[0], stderr]).toEqual([130, hint])
  },
  25_000,
)
