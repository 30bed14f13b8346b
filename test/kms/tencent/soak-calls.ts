/**
 * Child process of a test: calls a KMS that always fails, a given number of times, and cancels some of the calls;
 * prints the results, and is expected to end by itself.
 */
import { setMaxListeners } from 'node:events'
import { isEnvelopeError } from '../../../src/errors.js'
import { tencentKms } from '../../../src/kms/tencent/index.js'

/** What the child prints. */
export interface SoakResult {
  /** How many calls ended so, by code; `none` for success. */
  readonly outcomes: Readonly<Record<string, number>>
  /** Errors that are none of ours. */
  readonly foreign: number
  readonly unhandled: number
  readonly longestMs: number
  /** After `close()`: what would keep the process. */
  readonly left: readonly string[]
}

const [url = '', symmetric = '', rsa = '', count = '0'] = process.argv.slice(2)
const TOGETHER = 40

let unhandled = 0
process.on('unhandledRejection', () => unhandled++)

const kms = tencentKms({
  endpoint: url,
  credentials: { secretId: 'soak', secretKey: 'of-the-soak' },
  requestTimeout: '150ms',
  quota: { symmetric: 10_000, rsa: 10_000 },
  cmks: { [rsa]: { type: 'rsa-2048' } },
})
const outcomes: Record<string, number> = {}
let foreign = 0
let longestMs = 0

async function callOnce(n: number): Promise<void> {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  const { signal } = controller
  const abort = (): void => {
    controller.abort()
  }
  // Every fifth is given up: at once, or while it waits.
  const timer = n % 5 === 0 ? setTimeout(abort, (n % 7) * 10) : undefined
  const started = performance.now()
  const ciphertextDek = new Uint8Array(256).fill(0x41)
  const call = { context: { call: String(n) }, signal }
  const made = [
    () => kms.generateDek({ ...call, cmkId: symmetric }),
    () => kms.wrapDek({ ...call, cmkId: symmetric, dek: new Uint8Array(32) }),
    () => kms.unwrapDek({ ...call, cmkId: symmetric, ciphertextDek }),
    () => kms.generateDek({ ...call, cmkId: rsa }),
    () => kms.unwrapDek({ ...call, cmkId: rsa, ciphertextDek }),
    () => kms.verify({ ...call, cmkId: symmetric, use: 'wrap' as const }),
  ][n % 6]
  let code = 'none'
  try {
    await made?.()
  } catch (error) {
    if (isEnvelopeError(error)) code = error.code
    else foreign++
  }
  clearTimeout(timer)
  outcomes[code] = (outcomes[code] ?? 0) + 1
  longestMs = Math.max(longestMs, performance.now() - started)
}

/** The pipe to the parent is not ours. */
function openResources(): string[] {
  return process.getActiveResourcesInfo().filter((name) => !/^(PipeWrap|TTYWrap)$/.test(name))
}

async function soak(): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < Number(count)) await callOnce(next++)
  }
  await Promise.all(Array.from({ length: TOGETHER }, worker))
  await kms.close?.()
  let left = openResources()
  // Destroyed sockets close in the next turns, and the module loader may still read a file.
  for (let tries = 0; tries < 40 && left.length > 0; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    left = openResources()
  }
  const result: SoakResult = { outcomes, foreign, unhandled, longestMs, left }
  process.stdout.write(JSON.stringify(result))
}

void soak()
