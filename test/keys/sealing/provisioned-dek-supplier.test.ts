import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import type { StoredDek, ProvisionedEncryptRule } from '../../../src/index.js'
import { thrownBy } from '../../support/emissions.js'
import { FakeClock } from '../../support/fake-clock.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { perSession } from '../../support/sealed.js'
import { owner, settle, type Owner } from '../owner.js'

/** An owner that provisions DEKs, and producers on its KMS and clock that seal under them. */
async function stage() {
  const [kms, clock] = [new MemoryKms(), new FakeClock()]
  const { encryption } = await owner({ kms, clock })
  const folder = mkdtempSync(join(tmpdir(), 'kafka-envelope-provisioned-'))
  onTestFinished(() => {
    rmSync(folder, { recursive: true })
  })
  const file = join(folder, 'dek.json')
  return {
    kms,
    clock,
    provision: (): Promise<string> => encryption.createProvisionedDek('t'),
    /** A producer that seals 1,000 records under the DEK in the file. */
    producer: (text: string, encrypt: Partial<ProvisionedEncryptRule> = {}): Promise<Owner> => {
      writeFileSync(file, text)
      const rotate = { maxAge: '24h', maxMessages: 1000 } as const
      return owner({ kms, clock, encrypt: { provisionedDek: { file }, rotate, ...encrypt } })
    },
    replace: (text: string): void => {
      writeFileSync(file, text)
    },
  }
}

it('a provisioned DEK that has reached a limit is never used again, even if another one was used meanwhile', async () => {
  const { provision, producer, replace } = await stage()
  const [first, second] = [await provision(), await provision()]
  const { seal, encryption } = await producer(first)
  const exhausted = {
    code: 'DEK_EXHAUSTED',
    message: expect.stringContaining('has reached one of its limits') as string,
  }
  await seal(1000)
  expect(await thrownBy(() => seal())).toMatchObject(exhausted)
  replace(second)
  expect(perSession(await seal(999))).toEqual([999])
  replace(first)
  // The one in use lasts.
  await seal(1)
  expect(await thrownBy(() => seal())).toMatchObject(exhausted)
  replace(second)
  expect(await thrownBy(() => seal())).toMatchObject(exhausted)
  replace(first)
  expect(await thrownBy(() => seal())).toMatchObject(exhausted)
  replace(await provision())
  expect(perSession(await seal(2))).toEqual([2])
  // A DEK that was only ended manually has not reached a limit.
  await encryption.rotate()
  expect(perSession(await seal(2))).toEqual([2])
})

it('a provisioned DEK is used up to its age, to the millisecond, in whichever process that time passed', async () => {
  const { clock, provision, producer } = await stage()
  const text = await provision()
  clock.advance(86_399_999)
  const { seal } = await producer(text)
  await seal()
  clock.advance(1)
  const tooOld = { code: 'DEK_EXHAUSTED', message: expect.stringContaining('is too old') as string }
  expect(await thrownBy(() => seal())).toMatchObject(tooOld)
  expect(await thrownBy(() => producer(text))).toMatchObject(tooOld)
})

it('a provisioned DEK with a date in the future, or one that was changed, is refused at start', async () => {
  const { clock, provision, producer } = await stage()
  const text = await provision()
  clock.step(-300_001)
  expect(await thrownBy(() => producer(text))).toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('was created in the future') as string,
    issues: [{ path: 'provisionedDek of rule t' }],
  })
  clock.step(1)
  await (await producer(text)).seal()
  const stored = JSON.parse(text) as StoredDek
  const dated = JSON.stringify({ ...stored, createdAt: stored.createdAt - 1 })
  expect(await thrownBy(() => producer(dated))).toMatchObject({ code: 'UNWRAP_FAILED' })
})

it('a text that is not a provisioned DEK is refused at start, with the call that makes one', async () => {
  const { producer } = await stage()
  expect(await thrownBy(() => producer('{}'))).toMatchObject({
    code: 'CONFIG_INVALID',
    issues: [{ message: expect.stringContaining('`encryption.createProvisionedDek(rule)`') as string }],
  })
})

it('a provisioned DEK is unwrapped at start, or for each topic at its first send', async () => {
  const { kms, provision, producer } = await stage()
  const text = await provision()
  const unwraps = (): number => kms.calls.filter(({ operation }) => operation === 'unwrap').length
  await producer(text)
  expect(unwraps()).toBe(1)
  const { seal } = await producer(text, { dekScope: 'topic' })
  expect(unwraps()).toBe(1)
  await seal(1, 't')
  await seal(1, 'u')
  expect(unwraps()).toBe(3)
})

it('no successor of a provisioned DEK is fetched', async () => {
  const { kms, clock, provision, producer } = await stage()
  const text = await provision()
  const { seal, named } = await producer(text)
  expect(named('dek.created')).toEqual([])
  const asked = kms.calls.length
  expect(perSession(await seal(900))).toEqual([900])
  clock.advance(86_000_000)
  await settle()
  expect(perSession(await seal(100))).toEqual([100])
  expect(await thrownBy(() => seal())).toMatchObject({ code: 'DEK_EXHAUSTED' })
  expect(kms.calls).toHaveLength(asked)
})

it('events report a session under a provisioned DEK as such', async () => {
  const { provision, producer } = await stage()
  const { seal, encryption, named } = await producer(await provision())
  encryption.evict('cmk')
  await seal()
  expect(named('dek.created')).toMatchObject([{ origin: 'provisioned' }])
})
