import { execFile, spawn, spawnSync } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const MODULE = 'github.com/nsmithuk/local-kms'
const VERSION = 'v0.0.0-20260228092603-2a5e92d09ab6'
const BUILD = `${VERSION}-loopback`
const CACHE = fileURLToPath(new URL('../../../.cache/local-kms', import.meta.url))
const ACCOUNT = '111122223333'
/** The region of local-kms. Multi-region keys also have replicas in all other regions. */
export const REGION = 'eu-west-2'

/** The path of local-kms (github.com/nsmithuk/local-kms), which is built once. Undefined without Go. */
export async function localKmsProgram(): Promise<string | undefined> {
  const program = join(CACHE, BUILD, 'local-kms')
  if (existsSync(program)) return program
  if (spawnSync('go', ['version']).status !== 0) return undefined
  await mkdir(CACHE, { recursive: true })
  await inTurn(join(CACHE, `${BUILD}.lock`), async () => {
    if (existsSync(program)) return
    const own = await mkdtemp(join(CACHE, 'build-'))
    try {
      await buildOnLoopback(own)
      await rename(join(own, 'built'), join(CACHE, BUILD))
    } finally {
      await rm(own, { recursive: true, force: true })
    }
  })
  return program
}

/** local-kms listens on all interfaces, and has no option for it. So it is built from a copy that listens on loopback. */
async function buildOnLoopback(own: string): Promise<void> {
  const go = async (cwd: string, ...args: string[]): Promise<string> =>
    (
      await promisify(execFile)('go', args, {
        cwd,
        env: { ...process.env, GOTOOLCHAIN: 'local' },
      })
    ).stdout
  const downloaded = JSON.parse(await go(own, 'mod', 'download', '-json', `${MODULE}@${VERSION}`)) as {
    Dir: string
  }
  const source = join(own, 'source')
  await cp(downloaded.Dir, source, { recursive: true })
  // Go keeps its copies read-only.
  await promisify(execFile)('chmod', ['-R', 'u+w', source])
  const file = join(source, 'src/server.go')
  const text = await readFile(file, 'utf8')
  const changed = text.replace('addr := ":"+port', 'addr := "127.0.0.1:"+port')
  if (changed === text) throw new Error('local-kms chooses its address in another way than before')
  await writeFile(file, changed)
  await go(source, 'build', '-o', join(own, 'built', 'local-kms'), '.')
}

/** The name of a suite that needs it. If it is skipped, the name says why. */
export function suiteOnLocalKms(program: string | undefined): string {
  return `on local-kms${program === undefined ? ', left out: Go is missing, which builds it' : ''}`
}

/** A build takes a minute, so one test file builds, and the others wait for it. */
async function inTurn(lock: string, build: () => Promise<void>): Promise<void> {
  const started = performance.now()
  while (
    !(await mkdir(lock).then(
      () => true,
      () => false,
    ))
  ) {
    // A process that was killed leaves its lock behind.
    if (performance.now() - started > 180_000) await rm(lock, { recursive: true, force: true })
    await sleep(500)
  }
  try {
    await build()
  } finally {
    await rm(lock, { recursive: true, force: true })
  }
}

/** The keys of a {@link LocalKms}, by their ids. */
export const KEYS = {
  orders: '5b3c1a9e-1d2f-4c6b-9a0e-7f8d6c5b4a39',
  other: '0c9b8a7d-6e5f-4a3b-8c2d-1e0f9a8b7c6d',
  multiRegion: 'mrk-1234abcd12ab34cd56ef1234567890ab',
  rsa: '8d7c6b5a-4f3e-4d2c-8b1a-0f9e8d7c6b5a',
  otherRsa: '7e6d5c4b-3a29-4817-9605-f4e3d2c1b0a9',
} as const

export function arnOf(keyId: string, region: string = REGION): string {
  return `arn:aws:kms:${region}:${ACCOUNT}:key/${keyId}`
}

/** Emulates AWS KMS on loopback. */
export interface LocalKms {
  readonly url: string
  /** The public key of {@link KEYS}.rsa, in PEM form. */
  readonly publicKey: string
  /** Adds a version to each symmetric key. */
  rotate(): Promise<void>
  /** Makes any call, such as `DisableKey`, as an administrator. */
  administer(action: string, input: Readonly<Record<string, unknown>>): Promise<void>
  close(): Promise<void>
}

/**
 * local-kms, behind a front that mends where it differs from AWS KMS: local-kms believes the name of the CMK in a blob,
 * which AWS KMS authenticates; a blob that is too short ends the connection; `ReEncrypt` ignores the CMK that the call
 * names for the blob; and it has no replicas of multi-region keys.
 */
export async function startLocalKms(program: string): Promise<LocalKms> {
  const folder = await mkdtemp(join(tmpdir(), 'local-kms-'))
  const rsa = [KEYS.rsa, KEYS.otherRsa].map((id) => ({
    id,
    pair: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  }))
  const versions = [randomBytes(32)]
  const seed = (): string => {
    const symmetric = [KEYS.orders, KEYS.other, KEYS.multiRegion].map((id, i) => ({
      Metadata: { KeyId: id },
      // Each key has bytes of its own.
      BackingKeys: versions.map((bytes) => Buffer.from(bytes.map((byte) => byte ^ i)).toString('hex')),
    }))
    const asymmetric = rsa.map(({ id, pair }) => ({
      Metadata: { KeyId: id, KeyUsage: 'ENCRYPT_DECRYPT' },
      PrivateKeyPem: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    }))
    // JSON is YAML.
    return JSON.stringify({ Keys: { Symmetric: { Aes: symmetric }, Asymmetric: { Rsa: asymmetric } } })
  }
  const start = () => startProgram(program, join(folder, String(versions.length)), seed())
  let running = await start()
  // Longer than a client keeps a connection: a request on one that is being closed fails.
  const front = createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
    void (async () => {
      const { status, body } = await answered(running.url, request)
      const headers = {
        'content-type': TYPE,
        'content-length': String(Buffer.byteLength(body)),
        'x-amzn-requestid': REQUEST_ID,
      }
      response.writeHead(status, headers).end(body)
    })().catch(() => request.socket.destroy())
  })
  await once(front.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${String((front.address() as AddressInfo).port)}`,
    publicKey: String(rsa[0]?.pair.publicKey.export({ type: 'spki', format: 'pem' })),
    async rotate() {
      versions.push(randomBytes(32))
      const next = await start()
      await running.stop()
      running = next
    },
    async administer(action, input) {
      const { status } = await forwarded(running.url, `TrentService.${action}`, JSON.stringify(input))
      if (status !== 200) throw new Error(`${action} failed with HTTP status ${String(status)}`)
    },
    async close() {
      front.closeAllConnections()
      front.close()
      await running.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const TYPE = 'application/x-amz-json-1.1'
const REQUEST_ID = '0f1e2d3c-0000-4000-8000-123456789abc'

interface Answered {
  readonly status: number
  readonly body: string
}

async function answered(url: string, request: IncomingMessage): Promise<Answered> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const region =
    /\/([a-z0-9-]+)\/kms\/aws4_request/.exec(String(request.headers.authorization))?.[1] ?? REGION
  const target = String(request.headers['x-amz-target'])
  const input = JSON.parse(Buffer.concat(chunks).toString()) as Input
  // The replica in the region that the call was signed for is the key that local-kms has.
  const replica = `:${region}:${ACCOUNT}:key/mrk-`
  const original = `:${REGION}:${ACCOUNT}:key/mrk-`
  const named = (keyId?: string): string | undefined => keyId?.replace(replica, original)
  const { CiphertextBlob: blob, ...given } = input
  const KeyId = named(given.KeyId)
  const SourceKeyId = named(given.SourceKeyId)
  const DestinationKeyId = named(given.DestinationKeyId)
  const refusedAs =
    target === 'TrentService.Decrypt'
      ? refusal(KeyId, blob)
      : target === 'TrentService.ReEncrypt'
        ? refusal(SourceKeyId, blob, 'NotFoundException')
        : undefined
  const answer =
    refusedAs ??
    (await forwarded(url, target, JSON.stringify({ ...input, KeyId, SourceKeyId, DestinationKeyId })))
  return { ...answer, body: answer.body.replaceAll(original, replica) }
}

interface Input {
  readonly KeyId?: string
  readonly SourceKeyId?: string
  readonly DestinationKeyId?: string
  readonly CiphertextBlob?: string
}

const SYMMETRIC: readonly string[] = [KEYS.orders, KEYS.other, KEYS.multiRegion].map((id) => arnOf(id))

/**
 * What AWS KMS answers to a blob that local-kms does not handle as it does; undefined for any other.
 * @param otherwise the code for another CMK than a symmetric one, if local-kms does not know it
 */
function refusal(keyId = '', ciphertextBlob = '', otherwise?: string): Answered | undefined {
  if (!SYMMETRIC.includes(keyId)) return otherwise === undefined ? undefined : refused(otherwise)
  const blob = Buffer.from(ciphertextBlob, 'base64')
  const nameLength = blob[0] ?? 0
  // Name, version, IV, tag and at least one byte.
  if (blob.length < 1 + nameLength + 4 + 12 + 16 + 1) return refused('InvalidCiphertextException')
  const name = blob.subarray(1, 1 + nameLength).toString('latin1')
  if (name === keyId) return undefined
  return refused(SYMMETRIC.includes(name) ? 'IncorrectKeyException' : 'InvalidCiphertextException')
}

function refused(code: string): Answered {
  return { status: 400, body: JSON.stringify({ __type: code }) }
}

async function forwarded(url: string, target: string, body: string): Promise<Answered> {
  const headers = { 'content-type': TYPE, 'x-amz-target': target }
  const answer = await fetch(url, { method: 'POST', headers, body })
  return { status: answer.status, body: await answer.text() }
}

interface Running {
  readonly url: string
  stop(): Promise<void>
}

/** Runs the program that its arguments name. Even if this process is killed, the pipe ends, and so does the program. */
const UNTIL_STDIN_ENDS = '"$@" & cat >/dev/null; kill -9 $!; wait 2>/dev/null; exit 0'

async function startProgram(program: string, folder: string, seed: string): Promise<Running> {
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'seed.yaml')
  await writeFile(file, seed)
  const env = {
    PATH: process.env['PATH'],
    PORT: '0',
    KMS_ACCOUNT_ID: ACCOUNT,
    KMS_REGION: REGION,
    KMS_SEED_PATH: file,
    KMS_DATA_PATH: join(folder, 'data'),
  }
  const child = spawn('sh', ['-c', UNTIL_STDIN_ENDS, 'sh', program], { env })
  const ended = once(child, 'close')
  const stop = async (): Promise<void> => {
    child.stdin.end()
    await ended
  }
  try {
    return { url: `http://127.0.0.1:${await portOf([child.stdout, child.stderr])}`, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** local-kms logs the port that it got. */
async function portOf(outputs: readonly Readable[]): Promise<string> {
  const lines: string[] = []
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`local-kms did not start:\n${lines.join('\n')}`))
    }, 50_000)
    for (const output of outputs) {
      createInterface({ input: output }).on('line', (line) => {
        const port = /started on [\d.]+:(\d+)/.exec(line)?.[1]
        if (port === undefined) {
          // What it logs for each call is read, so that it can go on, and forgotten.
          if (lines.length < 100) lines.push(line)
          return
        }
        clearTimeout(timer)
        resolve(port)
      })
    }
  })
}
