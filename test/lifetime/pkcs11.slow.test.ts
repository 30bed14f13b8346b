import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeSoftHsmHere, suiteOnSoftHsm, whyNoSoftHsm, type SoftHsm } from '../support/softhsm/softhsm.js'

const ENTRY = fileURLToPath(new URL('../../src/kms/pkcs11/index.ts', import.meta.url))

describe.skipIf(whyNoSoftHsm !== undefined)(`a process with a client of an HSM ${suiteOnSoftHsm}`, () => {
  let hsm: SoftHsm
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-lifetime-'))
    hsm = await makeSoftHsmHere()
    await hsm.change({ action: 'create', key: 'orders', set: { ID: '01' } })
  })
  afterAll(async () => {
    await hsm.close()
    await rm(folder, { recursive: true, force: true })
  })

  async function outputOf(name: string, end: string): Promise<string> {
    const { library, token, pin } = hsm
    const script = join(folder, `${name}.mts`)
    await writeFile(
      script,
      `
      import { pkcs11Kms } from ${JSON.stringify(ENTRY)}
      process.on('worker', (thread) => thread.once('exit', () => console.log('the thread ended')))
      const kms = pkcs11Kms(${JSON.stringify({ library, token, pin })})
      const call = { cmkId: 'pkcs11:token=payments;object=orders', context: {}, signal: new AbortController().signal }
      const { ciphertextDek } = await kms.generateDek(call)
      const dek = await kms.unwrapDek({ ...call, ciphertextDek })
      console.log(dek.length)
      ${end}
      `,
    )
    // It fails if the process ends with another code or by a signal, or does not end.
    const run = promisify(execFile)(process.execPath, ['--import', 'tsx', script], { timeout: 20_000 })
    return (await run).stdout
  }

  it('an idle client does not keep its process alive', async () => {
    expect(await outputOf('idle', '')).toContain('32\n')
  })

  it('close() ends the thread, and the process goes on and can open another client', async () => {
    const end = `
      await kms.close()
      console.log('closed')
      const again = pkcs11Kms(${JSON.stringify({ library: hsm.library, token: hsm.token, pin: hsm.pin })})
      console.log((await again.unwrapDek({ ...call, ciphertextDek })).length)
      await again.close()
    `
    expect(await outputOf('closed', end)).toBe('32\nthe thread ended\nclosed\n32\nthe thread ended\n')
  })
})
