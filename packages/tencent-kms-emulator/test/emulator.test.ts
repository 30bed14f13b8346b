import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { expect, it } from 'vitest'

import { startTencentKmsEmulator } from '../src/index.js'
import { Calls } from '../src/calls.js'
import { thrownBy } from '../../../test/support/emissions.js'
import { temporaryFolder } from '../../../test/kms/local/temporary-folder.js'
import { codeOf, sdkClient } from './support/sdk-client.js'

it('the emulator listens on the loopback address alone, and by default on a free port', async () => {
  const kms = await startTencentKmsEmulator()
  expect(kms.endpoint).toBe(`127.0.0.1:${String(kms.port)}`)
  expect(kms.url).toBe(`http://${kms.endpoint}`)
  expect(await thrownBy(() => startTencentKmsEmulator({ port: kms.port }))).toMatchObject({
    code: 'ADDRESS_UNAVAILABLE',
  })
  await kms.close()
  const again = await startTencentKmsEmulator({ port: kms.port })
  expect(again.port).toBe(kms.port)
  await again.close()
})

it('the emulator listens on an address that other machines can reach only if `exposed` allows it', async () => {
  for (const host of ['0.0.0.0', '::', '192.168.0.1', '127.0.0.1.example.org']) {
    expect(await thrownBy(() => startTencentKmsEmulator({ host }))).toMatchObject({ code: 'OPTIONS_INVALID' })
  }
  const kms = await startTencentKmsEmulator({ host: '0.0.0.0', exposed: true })
  expect(await codeOf(sdkClient({ ...kms, endpoint: `localhost:${String(kms.port)}` }).ListKeys({}))).toBe(
    'OK',
  )
  await kms.close()
})

it('the emulator serves under the name localhost too', async () => {
  const kms = await startTencentKmsEmulator({ host: 'localhost' })
  expect(kms.endpoint).toBe(`localhost:${String(kms.port)}`)
  expect(await codeOf(sdkClient(kms).ListKeys({}))).toBe('OK')
  await kms.close()
})

it('wrong options are refused before the emulator starts', async () => {
  for (const options of [
    { port: 70_000 },
    { keys: [{ alias: '' }] },
    { keys: [{ alias: 'a', keyId: 'a' }] },
    { keys: [{ alias: 'a', region: 'mars-1' }] },
    { keys: [{ alias: 'a', description: 'x'.repeat(1025) }] },
    { credentials: [{ secretId: '', secretKey: 'k' }] },
  ]) {
    expect(await thrownBy(() => startTencentKmsEmulator(options))).toMatchObject({ code: 'OPTIONS_INVALID' })
  }
})

it('a control with a wrong argument throws OPTIONS_INVALID', async () => {
  const kms = await startTencentKmsEmulator({ keys: [{ alias: 'orders' }] })
  const rsa = kms.createKey({ alias: 'rsa', usage: 'ASYMMETRIC_DECRYPT_RSA_2048' })
  const keyId = '23e80852-1e38-11e9-b129-5cb9019b4b01'
  for (const control of [
    () => kms.createKey({ alias: 'orders' }),
    () => kms.createKey({ alias: 'again', keyId: rsa.keyId }),
    () => {
      kms.setKeyState(keyId, 'Disabled')
    },
    () => {
      kms.rotateKey(keyId)
    },
    () => {
      kms.rotateKey(rsa.keyId)
    },
  ]) {
    expect(await thrownBy(control)).toMatchObject({ code: 'OPTIONS_INVALID' })
  }
  expect(kms.createKey({ alias: 'fixed', keyId })).toEqual({
    keyId,
    alias: 'fixed',
    region: 'ap-guangzhou',
    usage: 'ENCRYPT_DECRYPT',
    state: 'Enabled',
  })
  await kms.close()
})

it('forgetCalls() empties the list of calls, and leaves earlier copies alone', async () => {
  const kms = await startTencentKmsEmulator()
  await sdkClient(kms).ListKeys({})
  const before = kms.calls()
  expect(before).toHaveLength(1)
  kms.forgetCalls()
  expect(kms.calls()).toEqual([])
  expect(before).toHaveLength(1)
  await kms.close()
})

it('the list of calls keeps the newest ten thousand', () => {
  const calls = new Calls()
  for (let at = 0; at < 10_005; at++) calls.add({ at, requestId: '' })
  expect(calls.all()).toHaveLength(10_000)
  expect(calls.all()[0]?.at).toBe(5)
})

it('close() ends stalls, waits and idle connections, and then nothing keeps the process alive', async () => {
  const folder = await temporaryFolder()
  const script = folder.at('script.mts')
  const source = fileURLToPath(new URL('../src/index.ts', import.meta.url))
  await writeFile(
    script,
    `
    import { Agent, request } from 'node:http'
    import { startTencentKmsEmulator } from ${JSON.stringify(source)}
    const kms = await startTencentKmsEmulator({ keys: [{ alias: 'orders' }] })
    const agent = new Agent({ keepAlive: true })
    const ended = []
    const call = (waitFor) => new Promise((resolve) => {
      const made = request({ host: '127.0.0.1', port: kms.port, method: 'POST', agent }, (response) => {
        response.resume()
        response.on('error', () => ended.push('in-body')).on('close', resolve)
        if (waitFor === 'headers') resolve()
      })
      made.on('error', () => ended.push('before-headers'))
      made.on('finish', () => { if (waitFor === 'sent') resolve() })
      made.end('{}')
    })
    const arrived = async (calls) => {
      while (kms.calls().length < calls) await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await call('all')
    kms.faults.inject({ kind: 'stall', when: 'in-body' })
    await call('headers')
    kms.faults.inject({ kind: 'stall', when: 'before-headers' })
    await call('sent')
    await arrived(3)
    kms.faults.inject({ kind: 'latency', ms: 3_600_000 })
    await call('sent')
    await arrived(4)
    await Promise.all([kms.close(), kms.close()])
    await kms.close()
    process.on('exit', () => console.log(ended.sort().join()))
    `,
  )
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script], {
    timeout: 20_000,
  })
  expect(stdout).toBe('before-headers,before-headers,in-body\n')
  await folder.remove()
})
