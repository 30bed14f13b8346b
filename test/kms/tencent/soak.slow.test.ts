import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it, vi } from 'vitest'
import {
  startTencentKmsEmulator,
  type EmulatorKey,
  type FaultKind,
} from '../../../packages/tencent-kms-emulator/src/index.js'
import type { SoakResult } from './soak-calls.js'

const CALLS = 1000
const TIMEOUT_MS = 120_000

/** All of them, each as often as the next; the last one takes what is left, so that no call succeeds. */
const FAULTS: readonly FaultKind[] = [
  { kind: 'error', code: 'InternalError' },
  { kind: 'error', code: 'RequestLimitExceeded' },
  { kind: 'error', code: 'UnauthorizedOperation' },
  { kind: 'http', status: 500 },
  { kind: 'http', status: 503 },
  { kind: 'malformed' },
  { kind: 'truncated' },
  { kind: 'empty', body: '{}' },
  { kind: 'empty', body: '' },
  { kind: 'altered', members: { KeyId: 'another' } },
  { kind: 'reset', when: 'before-headers' },
  { kind: 'reset', when: 'in-body' },
  { kind: 'stall', when: 'before-headers' },
  { kind: 'stall', when: 'in-body' },
]

const sockets = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length

it(
  'after 1,000 calls that failed or were cancelled, a process that closes its KMS has nothing open, and ends',
  async () => {
    const before = sockets()
    const emulator = await startTencentKmsEmulator({
      quotas: { '*': Infinity },
      credentials: [{ secretId: 'soak', secretKey: 'of-the-soak' }],
      keys: [{ alias: 'symmetric' }, { alias: 'rsa', usage: 'ASYMMETRIC_DECRYPT_RSA_2048' }],
    })
    for (const [at, fault] of FAULTS.entries()) {
      const probability = 1 / (FAULTS.length - at)
      emulator.faults.inject({ ...fault, times: Infinity, probability, seed: at + 1 })
    }
    emulator.faults.inject({ kind: 'latency', ms: 80, times: Infinity, probability: 0.2, seed: 99 })
    try {
      const cmks = emulator.keys().map(({ region, keyId }: EmulatorKey) => `${region}/${keyId}`)
      const child = fileURLToPath(new URL('soak-calls.ts', import.meta.url))
      const args = ['--import', 'tsx', child, emulator.url, ...cmks, String(CALLS)]
      const [stdout, stderr] = await new Promise<[string, string]>((resolve, reject) => {
        execFile(process.execPath, args, { timeout: TIMEOUT_MS - 5000 }, (error, out, err) => {
          if (error === null) resolve([out, err])
          // Killed if it did not end by itself.
          else reject(new Error(`the process ended by ${String(error.signal ?? error.code)}: ${err}`))
        })
      })
      expect(stderr).toBe('')
      const { outcomes, foreign, unhandled, longestMs, left } = JSON.parse(stdout) as SoakResult
      expect(left).toEqual([])
      expect([foreign, unhandled]).toEqual([0, 0])
      expect(Object.values(outcomes).reduce((sum, times) => sum + times, 0)).toBe(CALLS)
      expect(outcomes['none']).toBeUndefined()
      for (const code of [
        'KMS_UNAVAILABLE',
        'KMS_TIMEOUT',
        'KMS_THROTTLED',
        'KMS_DENIED',
        'KMS_RESPONSE_INVALID',
      ]) {
        expect(outcomes[code], code).toBeGreaterThan(0)
      }
      // A turn, a deadline, and what a busy machine adds.
      expect(longestMs).toBeLessThan(5000)
      const befallen = new Set(emulator.calls().map(({ fault }) => fault))
      expect(befallen).toEqual(new Set(FAULTS.map(({ kind }) => kind)))
      expect(emulator.calls().length).toBeGreaterThan(CALLS / 2)
      await vi.waitFor(() => {
        expect(sockets(), 'connections at the emulator').toBe(before)
      })
    } finally {
      await emulator.close()
    }
  },
  TIMEOUT_MS,
)
