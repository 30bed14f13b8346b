import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { compiler, ROOT } from '../../scripts/native/compile.js'

it('a call to OpenSSL that fails, whichever it is, leaves no plaintext in a batch and no context in memory', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-envelope-native-'))
  const program = join(folder, 'faults')
  const sources = ['native/src/gcm.c', 'native/src/layout.c', 'test/native/faults.c']
  const flags = ['-std=c11', '-Wall', '-Wextra', '-Werror', '-Inative/src']
  try {
    execFileSync(compiler() ?? 'cc', [...flags, ...sources, '-o', program], { cwd: ROOT, stdio: 'inherit' })
    const [tried] = execFileSync(program, { encoding: 'utf8' }).split(' ')
    // Four calls for a key; for three records, five each, sealing and opening; all of it twice.
    expect(Number(tried)).toBe(2 * (4 + 3 * 5 + 3 * 5))
  } finally {
    rmSync(folder, { recursive: true })
  }
})
