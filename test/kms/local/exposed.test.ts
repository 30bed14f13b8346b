import { chmod } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { isExposed } from '../../../src/kms/local/exposed.js'
import { createKeyring, listCmks } from '../../../src/kms/local/index.js'
import { temporaryFolder } from './temporary-folder.js'

describe('a keyring file', () => {
  it.each<[uid: number, mode: number, exposed: boolean]>([
    [1000, 0o600, false],
    [1000, 0o400, false],
    [1000, 0o440, true],
    [1000, 0o640, true],
    [0, 0o400, false],
    // A Secret in a pod with `fsGroup` and `defaultMode: 0400`.
    [0, 0o440, false],
    // The same with the default of `defaultMode` in Kubernetes.
    [0, 0o644, true],
    [0, 0o640, true],
    [0, 0o460, true],
    [0, 0o450, true],
    [0, 0o444, true],
    [0, 0o441, true],
  ])('the exposure of a keyring file of user %i with mode %o is %s', (uid, mode, exposed) => {
    // The type of the file is in the mode, too.
    expect(isExposed({ uid, mode: 0o100_000 | mode })).toBe(exposed)
  })

  it.runIf(process.platform !== 'win32')(
    'a keyring file with mode 0440 is read if it belongs to root, and otherwise refused with a remedy',
    async () => {
      const folder = await temporaryFolder()
      const file = folder.at('dev.keyring')
      await createKeyring(file, [{ id: 'orders', type: 'aes-256' }])
      await chmod(file, 0o440)
      const read = await listCmks(file).then(
        (cmks) => cmks.length,
        (error: unknown) => String(error),
      )
      if (process.geteuid?.() === 0) expect(read).toBe(1)
      else expect(read).toContain('KEYRING_EXPOSED')
      await chmod(file, 0o444)
      await expect(listCmks(file)).rejects.toThrow('`defaultMode: 0400`')
      await folder.remove()
    },
  )
})
