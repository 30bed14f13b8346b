import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { recordOf, withReader, type RuleVector } from '../../../scripts/vectors/rule-vectors.js'
import { parseVectors } from '../../../scripts/vectors/try-vectors.js'
import { inspectRecord, type Inspection } from '../../../src/operate/index.js'
import { CHECKS } from '../../../src/record/order-of-checks.js'

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8')
const vectors = parseVectors(read('test/vectors/rules/v1.json')) as RuleVector[]

/** The codes of each step in the table of docs/format.md, section 13. */
function codesByStep(): Map<number, string[]> {
  const [, section = ''] = /^## 13\. .*?$(.*?)^## 14\./ms.exec(read('docs/format.md')) ?? []
  const codes = new Map<number, string[]>()
  let step = -1
  for (const [, number = '', code = ''] of section.matchAll(
    /^\| +(\d*) +\| .*? \| +`?(\w+)`?[\w ]* +\| +[a-z ]+ \|$/gm,
  )) {
    if (number !== '') step = Number(number)
    codes.set(step, [...(codes.get(step) ?? []), code])
  }
  return codes
}

const documented = codesByStep()
/** Steps 9 and later need a key. */
const FIRST_WITH_KEY = CHECKS.indexOf('unwrapping')
const OF_A_KMS = ['CMK_NOT_FOUND', 'CMK_DISABLED', 'CMK_UNUSABLE']
const UNDECIDED = {
  outcome: 'undecided',
  checks: CHECKS.map((_, i) => ({ result: i < FIRST_WITH_KEY ? 'ok' : 'notTried' })),
}

function failedAt({ trial }: Inspection): number | undefined {
  return trial?.checks.find(({ result }) => result === 'failed')?.step
}

it('the order of checks has the steps of docs/format.md', () => {
  expect([...documented.keys()]).toEqual(CHECKS.map((_, step) => step))
  expect(documented.get(FIRST_WITH_KEY)).toEqual(['UNWRAP_FAILED', 'of'])
})

it('each vector fails with its code, at a step that docs/format.md gives to the code, and all steps before are passed', async () => {
  const failed = new Map<number, Set<string>>()
  for (const vector of vectors) {
    await withReader(vector, async (encryption) => {
      const record = recordOf(vector)
      const found = await inspectRecord(record, { encryption, open: true })
      const unopened = await inspectRecord(record, { encryption })
      const step = failedAt(found)
      expect([vector.name, found.trial?.failure?.code ?? null]).toEqual([vector.name, vector.error])
      expect(unopened.opened).toBeUndefined()
      if (step !== undefined && step < FIRST_WITH_KEY) expect(unopened).toEqual(found)
      else if (record.value !== null) expect(unopened.trial).toMatchObject(UNDECIDED)
      if (step === undefined || vector.error === null) {
        expect(found.opened?.toString('hex') ?? null).toBe(vector.plaintext)
        expect(found.trial?.outcome).toBe(record.value === null ? 'passed' : 'opened')
        return
      }
      expect(found.opened).toBeUndefined()
      expect(found.trial?.checks.map(({ result }) => result)).toEqual(
        CHECKS.map((_, i) => (i < step ? 'ok' : i === step ? 'failed' : 'notReached')),
      )
      failed.set(step, (failed.get(step) ?? new Set()).add(vector.error))
    })
  }
  const undocumented = [...failed].flatMap(([step, codes]) =>
    [...codes]
      .filter((code) => documented.get(step)?.includes(code) !== true)
      // Those of a KMS are not in the table.
      .filter((code) => step !== FIRST_WITH_KEY || !OF_A_KMS.includes(code)),
  )
  expect(undocumented).toEqual([])
  // No vector has a malformed header alone; inspect-record.test.ts has one.
  expect(CHECKS.filter((_, step) => !failed.has(step))).toEqual(['header'])
}, 120_000)
