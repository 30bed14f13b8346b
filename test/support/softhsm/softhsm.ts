import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const ADMIN = fileURLToPath(new URL('admin.cjs', import.meta.url))
/** Where `npm run install:softhsm` unpacks it for users that may not install packages. */
const UNPACKED = fileURLToPath(new URL('../../../.cache/softhsm/usr', import.meta.url))

/** The module. SOFTHSM2_LIBRARY names it where it is in none of the usual places. */
const library = [
  process.env['SOFTHSM2_LIBRARY'],
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
  join(UNPACKED, 'lib/softhsm/libsofthsm2.so'),
].find((file) => file !== undefined && existsSync(file))

// The threads of the provider find `pkcs11js` here, as they find it beside the library in an application.
process.env['NODE_PATH'] = fileURLToPath(new URL('node_modules', import.meta.url))

const missing = [
  ...(library === undefined ? ['SoftHSM'] : []),
  ...(hasPkcs11js() ? [] : ['a compiled pkcs11js']),
].join(' and ')

/** Why the tests that need a token cannot run here; undefined if they can. */
export const whyNoSoftHsm: string | undefined =
  missing === '' ? undefined : `left out: ${missing} is missing, run npm run install:softhsm`

/** The name of a suite that needs it. If it is skipped, the name says why. */
export const suiteOnSoftHsm = `on SoftHSM${whyNoSoftHsm === undefined ? '' : `, ${whyNoSoftHsm}`}`

type Attributes = Readonly<Record<string, string | number | boolean>>

/** A change of a token, by its administrator. `ID` and `VALUE` are in hexadecimal digits. */
export interface Change {
  readonly action: 'create' | 'change' | 'destroy'
  /** CKA_LABEL. */
  readonly key: string
  /** Attributes without `CKA_`. */
  readonly set?: Attributes
}

export interface SoftHsm {
  readonly library: string
  readonly token: string
  readonly pin: string
  /** For SOFTHSM2_CONF of the process that uses the token. */
  readonly conf: string
  change(...changes: readonly Change[]): Promise<void>
  close(): Promise<void>
}

/** A new HSM with one token, for this process or for another. */
export async function makeSoftHsm(token = 'payments'): Promise<SoftHsm> {
  if (library === undefined) throw new Error(whyNoSoftHsm)
  const pin = 'user-4711'
  const home = await mkdtemp(join(tmpdir(), 'softhsm-'))
  const tokens = join(home, 'tokens')
  await mkdir(tokens)
  const conf = join(home, 'softhsm2.conf')
  await writeFile(conf, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`)
  const env = {
    ...process.env,
    SOFTHSM2_CONF: conf,
    PATH: [process.env['PATH'], join(UNPACKED, 'bin')].join(delimiter),
  }
  const init = ['--init-token', '--free', '--label', token, '--so-pin', 'officer-4711', '--pin', pin]
  await run('softhsm2-util', [...init, '--module', library], { env })
  return {
    library,
    token,
    pin,
    conf,
    async change(...changes) {
      await run(process.execPath, [ADMIN, library, token, pin, JSON.stringify(changes)], { env })
    },
    close: () => rm(home, { recursive: true, force: true }),
  }
}

/** A new HSM for the module in this process. A process has one: the module asks for it when it is first used. */
export async function makeSoftHsmHere(): Promise<SoftHsm> {
  const hsm = await makeSoftHsm()
  process.env['SOFTHSM2_CONF'] = hsm.conf
  return hsm
}

function hasPkcs11js(): boolean {
  try {
    createRequire(import.meta.url)('pkcs11js')
    return true
  } catch {
    return false
  }
}
