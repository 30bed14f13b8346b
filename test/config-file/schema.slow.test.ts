import { readFileSync } from 'node:fs'
import * as zlib from 'node:zlib'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { configJsonSchema, kmsInFile } from '../../scripts/config-schema/config-schema.js'
import { memberPaths } from '../../scripts/config-schema/descriptions.js'
import type { SchemaNode } from '../../scripts/config-schema/node.js'
import { substitute } from '../../src/config-file/substitute.js'
import type { ConfigIssue } from '../../src/index.js'
import { checkFile } from '../../src/config/check.js'
import { show } from '../../src/config/paths.js'
import { crossChecks, type CrossCheckName } from '../../src/config/cross-checks.js'
import { at, baseOf, good, mutated, put, variations, type Json } from './corpus.js'

/*
 * Two judges of what a file says: the checker (Valibot and cross-checks), and any validator of JSON Schema, here ajv,
 * with `schemas/config.schema.json`. Both get the parsed file; a file that the YAML parser refuses reaches neither.
 */

const schema = configJsonSchema()
const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, strictTypes: false, strictRequired: false })
ajv.addKeyword('patternErrorMessage')
const accepts = ajv.compile(schema)

/** Checks that the schema cannot make: it knows neither other parts of the file nor the runtime. */
const ONLY_THE_CHECKER: readonly CrossCheckName[] = [
  'every KMS that a CMK names exists',
  'every CMK that a rule names exists',
  'every dictionary that a rule names exists',
  'a decrypt rule names no CMK twice',
  'frequent rotation is confirmed',
  'prefetch is less than maxAge',
  'sealing under any CMK has several to choose from',
  'dead letters do not come back',
  'a context fits into an envelope',
  'bound headers fit into an envelope',
  'a rule requires no more than it seals',
  'plaintext is accepted on topics of the rule',
  'an override is for a topic that a rule decrypts',
  'a record has one override',
  'an override ends within a year',
  'zstd is used only on a Node.js that has it',
  'names of rules are unique',
  'a topic matches one rule',
]

const NOW = { hasZstd: true, nowMs: Date.parse('2026-01-01T00:00:00Z') }

const check = (file: Json) =>
  checkFile(file, {
    kmsInFile,
    kms: { gz: true, sh: true },
    mayHaveMore: true,
    showing: show,
    clock: { wallMs: () => NOW.nowMs },
  })
const mistakes = (file: Json): readonly ConfigIssue[] => check(file).issues

/** A duration or size that is text and out of range: JSON Schema can state the range of numbers only. */
const isRangeOfText = ({ message }: ConfigIssue): boolean => /^expected \w+ to \w+; got "/.test(message)

/** Code may have KMSs that the file does not describe. */
const isUnknownKms = ({ message }: ConfigIssue): boolean => message.includes(' is not in `kms`')

/** Of these, the ones that the schema has to see too. */
function seenByBoth(file: Json): readonly ConfigIssue[] {
  const hasZstd = 'zstdCompressSync' in zlib
  const kms = new Proxy({}, { getOwnPropertyDescriptor: () => ({ configurable: true, value: 1 }) })
  const others = crossChecks({ ...(file as object), kms }, { ...NOW, hasZstd }, show, ONLY_THE_CHECKER)
  const known = new Set(others.map(({ path, message }) => `${path} ${message}`))
  return mistakes(file).filter(
    (issue) => !known.has(`${issue.path} ${issue.message}`) && !isRangeOfText(issue) && !isUnknownKms(issue),
  )
}

function compare(file: Json): void {
  const issues = seenByBoth(file)
  const accepted = accepts(file)
  if (accepted !== (issues.length === 0)) {
    expect.fail(
      `${JSON.stringify(file)}\nschema: ${accepted ? 'accepts' : ajv.errorsText(accepts.errors)}\nchecker: ${JSON.stringify(issues)}`,
    )
  }
}

describe('the JSON Schema and the checker', () => {
  it('the JSON Schema and the checker accept the same good files', () => {
    for (const file of good) {
      expect(mistakes(file)).toEqual([])
      expect(accepts(file), ajv.errorsText(accepts.errors)).toBe(true)
    }
  })

  it('the JSON Schema and the checker accept and refuse the same files: every member at its bounds, past them, of another type, missing', () => {
    const counts = { accepted: 0, refused: 0 }
    for (const { path, value } of variations()) {
      const file = put(baseOf(path), path, value)
      compare(file)
      counts[accepts(file) ? 'accepted' : 'refused']++
    }
    // That the corpus has both, and is not empty.
    expect(counts.accepted).toBeGreaterThan(100)
    expect(counts.refused).toBeGreaterThan(400)
  })

  it('every member of the schema is among those that are varied', () => {
    const varied = new Set(variations().map(({ path }) => pathOf(path)))
    expect(
      memberPaths(schema)
        .map(({ path }) => path)
        .filter((path) => !varied.has(path)),
    ).toEqual([])
  })

  it('the JSON Schema and the checker accept and refuse the same files after any few changes', () => {
    fc.assert(
      fc.property(mutated, (file) => {
        compare(file)
      }),
      { numRuns: 5_000 },
    )
  })

  it('the JSON Schema and the checker differ in the cross-checks that only the checker knows, and otherwise only in the ranges of text', () => {
    const rule = ['topics', 0]
    // Without headers and context that its producers would have to seal.
    const loose = put(good[0] as Json, [...rule, 'decrypt', 'require'], {})
    const examples: Record<string, Json> = {
      'every CMK that a rule names exists': put(good[0] as Json, [...rule, 'decrypt', 'cmk'], 'other'),
      'frequent rotation is confirmed': put(good[0] as Json, [...rule, 'encrypt', 'rotate'], {
        maxMessages: 999,
      }),
      'prefetch is less than maxAge': put(good[0] as Json, [...rule, 'encrypt', 'rotate'], {
        maxAge: '1m',
        prefetch: '1m',
      }),
      'sealing under any CMK has several to choose from': put(
        put(good[0] as Json, ['cmks', 'main'], [{ kms: 'gz', id: 'ap-guangzhou/1' }]),
        [...rule, 'encrypt', 'sealUnder'],
        'any',
      ),
      'dead letters do not come back': put(
        good[0] as Json,
        [...rule, 'decrypt', 'onInvalid', 'deadLetter'],
        'payments.dlq',
      ),
      'a context fits into an envelope': put(
        loose,
        [...rule, 'encrypt', 'context'],
        Object.fromEntries(Array.from({ length: 8 }, (_, i) => [String(i), 'v'.repeat(128)])),
      ),
      'a decrypt rule names no CMK twice': put(
        good[0] as Json,
        [...rule, 'decrypt', 'cmk'],
        ['main', 'main'],
      ),
      'bound headers fit into an envelope': put(
        good[0] as Json,
        [...rule, 'encrypt', 'bindHeaders'],
        ['type', ...Array.from({ length: 17 }, (_, i) => String(i).padStart(250, 'h'))],
      ),
      'a rule requires no more than it seals': put(good[0] as Json, [...rule, 'encrypt', 'bindKey'], false),
      'plaintext is accepted on topics of the rule': put(
        good[0] as Json,
        [...rule, 'decrypt', 'plaintext', 'untilOffsets'],
        { users: { 0: '5' } },
      ),
      'names of rules are unique': put(good[0] as Json, ['topics', 1, 'name'], 'pay'),
      'an override is for a topic that a rule decrypts': put(
        good[0] as Json,
        ['overrides', 0, 'topic'],
        'metrics.a',
      ),
      'a record has one override': put(
        good[0] as Json,
        ['overrides', 1],
        at(good[0] as Json, ['overrides', 0]),
      ),
      'an override ends within a year': put(
        good[0] as Json,
        ['overrides', 0, 'until'],
        '2027-01-03T00:00:00Z',
      ),
      'a topic matches one rule': put(good[0] as Json, ['topics', 1, 'match'], ['*.eu']),
    }
    for (const [name, file] of Object.entries(examples)) {
      expect(accepts(file), name).toBe(true)
      expect(mistakes(file), name).toEqual(crossChecks(file, NOW, show, [name as CrossCheckName]))
      expect(mistakes(file), name).toHaveLength(1)
    }
    const aYear = put(good[0] as Json, [...rule, 'encrypt', 'rotate', 'maxAge'], '366d')
    expect([accepts(aYear), mistakes(aYear)]).toMatchObject([
      true,
      [{ message: 'expected 1s to 365d; got "366d"' }],
    ])
    // Two that no file alone can show.
    const zstd = put(good[0] as Json, [...rule, 'encrypt', 'compression'], 'zstd')
    expect([
      accepts(zstd),
      crossChecks(zstd, { ...NOW, hasZstd: false }, show, ['zstd is used only on a Node.js that has it'])
        .length,
    ]).toEqual([true, 1])
    expect(
      crossChecks({ ...(good[0] as object), kms: {} }, NOW, show, ['every KMS that a CMK names exists']),
    ).toHaveLength(2)
  })

  it('the JSON Schema and the checker accept names of members as written: an editor sees a number in the partition `0:` of a YAML file', () => {
    const names: SchemaNode[] = []
    const walk = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return
      const { propertyNames } = node as SchemaNode
      if (propertyNames) names.push(propertyNames)
      Object.values(node).forEach(walk)
    }
    walk(schema)
    expect(names.length).toBeGreaterThan(3)
    for (const node of names) expect(node).not.toHaveProperty('type')
  })

  it('the checker counts the bytes of header names, and the JSON Schema counts their characters', () => {
    const loose = put(good[0] as Json, ['topics', 0, 'decrypt', 'require'], {})
    const file = (name: string): Json => put(loose, ['topics', 0, 'encrypt', 'bindHeaders'], [name])
    expect([accepts(file('é'.repeat(128))), mistakes(file('é'.repeat(128)))]).toEqual([true, []])
    expect([accepts(file('é'.repeat(129))), mistakes(file('é'.repeat(129))).length]).toEqual([true, 1])
    expect([accepts(file('é'.repeat(257))), mistakes(file('é'.repeat(257))).length]).toEqual([false, 1])
  })
})

describe('variables of the environment in a file', () => {
  /** Some texts of a file replaced by variables that have them. */
  function withVariables(
    file: Json,
    chosen: (text: string) => boolean,
  ): { file: Json; env: Record<string, string> } {
    const env: Record<string, string> = {}
    const walk = (value: Json): Json => {
      if (typeof value === 'string') {
        if (value === '' || !chosen(value)) return value
        const name = `V${String(Object.keys(env).length)}`
        env[name] = value
        return `\${${name}}`
      }
      if (Array.isArray(value)) return value.map(walk)
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, walk(each)]))
    }
    return { file: walk(file), env }
  }

  it('variables of the environment may be used wherever text may: the schema accepts every file with them that the checker accepts', () => {
    fc.assert(
      fc.property(fc.constantFrom(...good), fc.infiniteStream(fc.boolean()), (file, coins) => {
        const templated = withVariables(file, () => coins.next().value === true)
        expect(accepts(templated.file), ajv.errorsText(accepts.errors)).toBe(true)
      }),
    )
  })

  it('the JSON Schema and the checker agree on which texts name variables of the environment, and which are malformed', () => {
    const text = fc.string({
      unit: fc.constantFrom('$', '{', '}', 'A', '1', '_', 'x'),
      minLength: 1,
      maxLength: 12,
    })
    fc.assert(
      fc.property(text, (template) => {
        const file = put(good[0] as Json, ['cmks', 'main', 0, 'id'], template)
        const env = { A: 'v', _: 'v', x: 'v', A1: 'v', AA: 'v' }
        const broken = substitute(template, env).mistakes.some((mistake) => mistake.includes('expected'))
        expect(accepts(file), template).toBe(!broken)
      }),
      { numRuns: 5_000 },
    )
  })

  it('neither the JSON Schema nor the checker accepts a variable of the environment as a number or boolean', () => {
    for (const path of [
      ['encrypt', 'rotate', 'maxMessages'],
      ['encrypt', 'bindKey'],
      ['decrypt', 'maxInvalidShare'],
    ]) {
      expect(accepts(put(good[0] as Json, ['topics', 0, ...path], '${X}'))).toBe(false)
    }
  })
})

describe('schemas/config.schema.json', () => {
  it('schemas/config.schema.json is what `npm run schema` writes', () => {
    const file = new URL('../../schemas/config.schema.json', import.meta.url)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(JSON.stringify(schema)))
  })

  it('schemas/config.schema.json describes every member, with its unit if it has one, and its default if it may be absent', () => {
    for (const { path, node, presence } of memberPaths(schema)) {
      const { description = '', type, pattern } = node
      expect(description, path).toMatch(/^[A-Z].{10,}\.$/)
      if (type?.includes('integer') && pattern !== undefined)
        expect(description, path).toMatch(/milliseconds|bytes/)
      if (presence === 'optional') expect(description, path).toMatch(/default|absent/i)
    }
  })

  it('every default in schemas/config.schema.json is one that the checker fills in', () => {
    const defaults = memberPaths(schema).filter(({ node }) => node.default !== undefined)
    expect(defaults.length).toBeGreaterThan(25)
    for (const { path, node } of defaults) {
      const place = variations().find((variation) => pathOf(variation.path) === path)?.path ?? []
      const base = path.startsWith('kms.') ? (good[0] as Json) : (good[1] as Json)
      const without = check(put(base, place, undefined))
      const stated = check(put(base, place, node.default as Json))
      expect(without.issues, path).toEqual([])
      expect(stated, path).toEqual(without)
    }
  })
})

it('the place of a member in a file is found again', () => {
  expect(at(good[0] as Json, ['topics', 0, 'encrypt', 'cmk'])).toBe('main')
})

/** Members whose members have names of the user's choice. */
const NAMED: ReadonlySet<unknown> = new Set(['kms', 'cmks', 'dictionaries', 'hosts'])

/** As `memberPaths` writes it, for a path in the first good file. */
function pathOf(path: readonly (string | number)[]): string {
  return path
    .map((key, i) => {
      if (typeof key === 'number') return '[]'
      const name = NAMED.has(path[i - 1]) && typeof path[i - 2] !== 'number' ? '.NAME' : `.${key}`
      return `${name}${path[0] === 'kms' && i + 1 < path.length ? selectedAt(path.slice(0, i + 1)) : ''}`
    })
    .join('')
    .slice(1)
}

/** What tells the alternative at a path from the others. */
function selectedAt(path: readonly (string | number)[]): string {
  const { provider, method, type } = (at(good[0] as Json, path) ?? {}) as Record<string, unknown>
  // Hosts have a type, but only one form.
  const value = path.includes('hosts') ? undefined : (provider ?? method ?? type)
  if (typeof value !== 'string') return ''
  return path[1] === 'aws' && value.startsWith('rsa') ? '(rsa-2048 or rsa-3072 or rsa-4096)' : `(${value})`
}
