import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { compileFunction } from 'node:vm'
import { afterEach, expect, it, vi } from 'vitest'

const WORKER_FILE = '../../../src/kms/pkcs11/worker-file.cjs'
const call = {
  cmkId: 'pkcs11:token=payments;object=orders',
  context: {},
  signal: new AbortController().signal,
}

afterEach(() => {
  vi.doUnmock(WORKER_FILE)
  vi.resetModules()
})

/** How a call ends where the file of the thread is at this path. Another path stands for a bundle, or a runtime without threads. */
async function endOfCall(path: string | undefined): Promise<unknown> {
  vi.doMock(WORKER_FILE, () => ({ default: path }))
  const { pkcs11Kms } = await import('../../../src/kms/pkcs11/index.js')
  const kms = pkcs11Kms({ library: '/usr/lib/hsm.so', token: 'payments', pin: '4711' })
  try {
    return await kms.generateDek(call).catch((error: unknown) => error)
  } finally {
    await kms.close?.()
  }
}

it.each(['/none/worker.cjs', undefined])(
  'a client without the file of its thread, as in a bundle, says so: %s',
  async (path) => {
    expect(await endOfCall(path)).toMatchObject({
      code: 'KMS_SDK_MISSING',
      message: expect.stringContaining('bundle') as unknown,
    })
  },
)

it.each([
  ['of ESM, where nothing has a folder', []],
  ['of CommonJS, which may have a worker.cjs of its own beside it', ['/app/main.cjs', '/app']],
])('no file is the thread in a bundle %s', async (_, [filename, dirname]) => {
  const source = await readFile(new URL(WORKER_FILE, import.meta.url), 'utf8')
  const module = { exports: 'not set' }
  const load = compileFunction(source, ['module', 'require', '__filename', '__dirname'])
  Reflect.apply(load, undefined, [module, createRequire(import.meta.url), filename, dirname])
  expect(module.exports).toBeUndefined()
})

it('a client that may not start a thread says so', async () => {
  // Node.js refuses a path that is not absolute before it starts a thread.
  expect(await endOfCall('worker.cjs')).toMatchObject({
    code: 'KMS_UNAVAILABLE',
    message: expect.stringContaining('may not start a thread') as unknown,
  })
})
