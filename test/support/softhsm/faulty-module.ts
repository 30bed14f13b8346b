import { execFile } from 'node:child_process'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { compiler } from '../../../scripts/native/compile.js'
import { makeSoftHsmHere, suiteOnSoftHsm, whyNoSoftHsm, type SoftHsm } from './softhsm.js'

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const cc = compiler()

/** Why the tests that need the module cannot run here; undefined if they can. */
export const whyNoFaultyModule: string | undefined =
  whyNoSoftHsm ?? (cc === undefined ? 'left out: a C compiler is missing, install cc' : undefined)

/** The name of a suite that needs it. If it is skipped, the name says why. */
export const suiteOnFaultyModule =
  whyNoSoftHsm === undefined && whyNoFaultyModule !== undefined
    ? `${suiteOnSoftHsm}, ${whyNoFaultyModule}`
    : suiteOnSoftHsm

/** The functions that can fail. `*` is all of them. */
type Function11 =
  | '*'
  | 'C_Initialize'
  | 'C_GetTokenInfo'
  | 'C_OpenSession'
  | 'C_Login'
  | 'C_FindObjectsInit'
  | 'C_EncryptInit'
  | 'C_Encrypt'
  | 'C_DecryptInit'
  | 'C_Decrypt'

/** `number` is a code of PKCS#11, milliseconds, or bytes: `faulty-module.c` says what each kind does. */
export interface ModuleFault {
  readonly at: Function11
  readonly kind: 'fails' | 'late' | 'hangs' | 'length' | 'loses' | 'leaves' | 'ends'
  readonly number?: number
}

/** SoftHSM with a module before it that can be made to fail: in place of the proxy before an HTTP service. */
export interface FaultySoftHsm extends SoftHsm {
  inject(fault: ModuleFault): void
  heal(): void
}

/** For this process, which has one. */
export async function makeFaultySoftHsm(): Promise<FaultySoftHsm> {
  if (cc === undefined) throw new Error(whyNoFaultyModule)
  const hsm = await makeSoftHsmHere()
  const folder = await mkdtemp(join(tmpdir(), 'faulty-module-'))
  const [library, fault] = [join(folder, 'module.so'), join(folder, 'fault')]
  await promisify(execFile)(cc, [
    ...['-shared', '-fPIC', '-O1', '-Wall', '-Wextra', '-Werror'],
    ...['-I', file('node_modules/pkcs11js/includes/pkcs11')],
    ...[`-DMODULE="${hsm.library}"`, `-DFAULT="${fault}"`],
    ...['-o', library, file('faulty-module.c')],
  ])
  let injected = 0
  return {
    ...hsm,
    library,
    inject({ at, kind, number = 0 }) {
      // The module never reads half a line. The number at the end makes each line another one.
      writeFileSync(`${fault}.new`, `${at} ${kind} ${String(number)} ${String(++injected)}\n`)
      renameSync(`${fault}.new`, fault)
    },
    heal() {
      rmSync(fault, { force: true })
    },
    async close() {
      rmSync(fault, { force: true })
      await hsm.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
