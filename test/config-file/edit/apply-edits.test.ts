import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { applyEdits } from '../../../src/config-file/edit/apply-edits.js'
import { parse as parseFile } from '../../../src/config-file/parse.js'
import { substitute } from '../../../src/config-file/substitute.js'
import type { Edit, EditPath, EditValue } from '../../../src/config-file/edit/edit.js'

const set = (path: string, value: EditValue): Edit => ({ path: pathOf(path), set: value })
const append = (path: string, value: EditValue): Edit => ({ path: pathOf(path), append: value })

function pathOf(path: string): EditPath {
  return path.split('.').map((key, i) => (i > 0 && /^[0-9]$/.test(key) ? Number(key) : key))
}

describe('an edit that removes an item', () => {
  const remove = (path: string): Edit => ({ path: pathOf(path), remove: true })

  it.each([
    [
      'the first of a block',
      'a:\n  # x\n  - b: 1 # one\n    c: 2 # two\n  # y\n  - b: 2\nd: 1\n',
      'a.0',
      'a:\n  # x\n  # y\n  - b: 2\nd: 1\n',
    ],
    ['the last of a block', 'a:\n- b: 1\n- b: 2 # two\n# d\nd: 1\n', 'a.1', 'a:\n- b: 1\n# d\nd: 1\n'],
    ['the last line of a file', 'a:\n- b\n- c', 'a.1', 'a:\n- b\n'],
    ['a text of several lines', 'a:\n- |\n  x\n  y\n- c\n', 'a.0', 'a:\n- c\n'],
    ['the only one of a block', 'a:\n  - b: 1\n    c: 2\nd: 1\n', 'a.0', 'a: []\nd: 1\n'],
    ['the only one behind a comment', 'a: # x\n  - b\nd: 1\n', 'a.0', 'a: # x\n  []\nd: 1\n'],
    ['one of a list in one line', 'a: [x, { b: 1 }, z] # c\n', 'a.1', 'a: [x, z] # c\n'],
    ['the last of a list in one line', 'a: [x, y]\n', 'a.1', 'a: [x]\n'],
    ['the only one of a list in one line', 'a: [ x ]\n', 'a.0', 'a: []\n'],
    [
      'JSON',
      '{\n  "a": [\n    { "b": 1 },\n    { "b": 2 }\n  ]\n}\n',
      'a.1',
      '{\n  "a": [\n    { "b": 1 }\n  ]\n}\n',
    ],
  ])('an edit removes %s', (_, before, path, after) => {
    expect(applyEdits(before, [remove(path)])).toBe(after)
  })

  it.each([
    ['a: [x]\n', 'a.1'],
    ['a: { b: 1 }\n', 'a.0'],
    ['b: 1\n', 'a.0'],
    ['a:\n- &x 1\n- 2\nb: *x\n', 'a.0'],
  ])('an edit does not remove from %j what is not there, or what an alias stands for', (before, path) => {
    expect(() => applyEdits(before, [remove(path)])).toThrow()
  })
})

describe('an edit of YAML', () => {
  it('an edit adds members in the style of blocks and leaves all else as it is, to the byte', () => {
    const before = `# Rules of the payments team\r
topics:\r
    # cards\r
    -   match: ['a',   "b"]  # both\r
        decrypt:\r
            cmk: &main   main # the CMK\r
            # plaintext: see the runbook\r
\r
    - match: [ c ]\r
`
    const after = applyEdits(before, [set('topics.0.decrypt.plaintext.untilOffsets.a', { 0: '5', 10: '7' })])
    expect(after).toBe(
      before.replace(
        '# the CMK\r\n',
        `# the CMK\r
            plaintext:\r
                untilOffsets:\r
                    a:\r
                        0: "5"\r
                        10: "7"\r
`,
      ),
    )
  })

  it('an edit replaces a value in its own quotes, and keeps the comment behind it', () => {
    const before = `a:\n  0: '5' # was 4\n  1: "6"   # was 5\n  2: plain\n`
    expect(
      applyEdits(
        before,
        ['0', '1', '2'].map((name) => ({ path: ['a', name], set: '77' })),
      ),
    ).toBe(`a:\n  0: '77' # was 4\n  1: "77"   # was 5\n  2: "77"\n`)
  })

  it.each([
    [
      'an object in one line',
      'a: { b: 1 } # c\n',
      set('a.d', { e: 'x y' }),
      'a: { b: 1, d: { e: "x y" } } # c\n',
    ],
    ['an empty object', 'a: {}\n', set('a.d', true), 'a: { d: true }\n'],
    ['an empty object with a comment', 'a: { # c\n  }\n', set('a.d', 1), 'a: { d: 1 # c\n  }\n'],
    ['an empty list', 'a: []\n', append('a', 1), 'a: [1]\n'],
    ['a list in one line', 'a: [x, y]\n', append('a', 'z'), 'a: [x, y, z]\n'],
    ['a list in blocks', 'a:\n- x # c\n- y\n# d\n', append('a', 'z'), 'a:\n- x # c\n- y\n- z\n# d\n'],
    [
      'a list of objects',
      'a:\n  - b: 1\n    c: 2\nd: 1\n',
      append('a', { b: 2, c: ['u', 'v'] }),
      'a:\n  - b: 1\n    c: 2\n  - b: 2\n    c: [u, v]\nd: 1\n',
    ],
    [
      'a list that is missing',
      'a: 1 # no line end',
      append('b', { c: { d: 1 }, e: 2 }),
      'a: 1 # no line end\nb:\n  - c:\n      d: 1\n    e: 2\n',
    ],
    [
      'a member without a value',
      'a:\n  b:   # c\nd: 1\n',
      set('a.b.e', 1),
      'a:\n  b: { e: 1 }   # c\nd: 1\n',
    ],
    [
      'a text of several lines',
      'a:\n  b: |+\n    x\n\n\nd: 1\n',
      set('a.c', 1),
      'a:\n  b: |+\n    x\n\n\n  c: 1\nd: 1\n',
    ],
    [
      'several lines in brackets',
      'a: {\n    b: 1, # c\n    d: 2 # e\n  }\n',
      set('a.f', 3),
      'a: {\n    b: 1, # c\n    d: 2, # e\n    f: 3\n  }\n',
    ],
    [
      'several lines in brackets, with a comma at the end',
      'a: [\n    1,\n    2, # e\n  ]\n',
      append('a', 3),
      'a: [\n    1,\n    2, # e\n    3,\n  ]\n',
    ],
    ['a document with a marker at its end', 'a: 1\n...\n', set('b', 2), 'a: 1\nb: 2\n...\n'],
    ['an anchor without aliases', 'a: &x\n  b: 1\n', set('a.c', 2), 'a: &x\n  b: 1\n  c: 2\n'],
    [
      'an alias beside it',
      'a: &x { b: 1 }\nc:\n  d: *x\n',
      set('c.e', 2),
      'a: &x { b: 1 }\nc:\n  d: *x\n  e: 2\n',
    ],
    ['single quotes in the rest', "a: 'x y'\n", set('b', 'it is'), "a: 'x y'\nb: 'it is'\n"],
    ['a reference to a variable', 'a: ${X}\n', set('b', '${Y}'), 'a: ${X}\nb: "$${Y}"\n'],
    ['a name behind a question mark', '? a\n: 1\n', set('b', 2), '? a\n: 1\nb: 2\n'],
    ['a name that is no plain text', 'a: 1\n', set('x: y', 'no'), 'a: 1\n"x: y": "no"\n'],
  ])('an edit of %s writes only what changes', (_, before, edit, after) => {
    expect(applyEdits(before, [edit])).toBe(after)
  })

  it.each([
    ['a: &x { b: 1 }\nc: *x\n', set('c.d', 1), 'c is an alias, *x: write out its value there first'],
    ['a: &x { b: 1 }\nc: *x\n', set('c', 1), 'c is an alias, *x: write out its value there first'],
    [
      'a: &x { b: 1 }\nc: *x\n',
      set('a.d', 1),
      'a has the anchor &x, and another part is an alias of it: write out the value there first',
    ],
    [
      'a: { b: &x 1 }\nc: *x\n',
      set('a.b', 2),
      'a.b has the anchor &x, and another part is an alias of it: write out the value there first',
    ],
    ['a: &y\n  b: &x 1\nc: *x\n', set('a', 2), 'a: written in a way that a program cannot change'],
    ['a: 1\n', set('a.b', 1), 'a.b has another form than expected'],
    ['a: [1]\n', set('a.3', 1), 'a[3] does not exist'],
    ['a: 1\n', append('a', 1), 'a is not a list'],
    ['? a\n', set('a.b', 1), 'a has no value'],
  ])('an edit of %j is refused if it would change more, or cannot be made', (before, edit, message) => {
    expect(() => applyEdits(before, [edit])).toThrow(message)
  })
})

describe('an edit of JSON', () => {
  it.each([
    ['{"a": {"b": 1}}', set('a.c', { d: ['x'] }), '{"a": {"b": 1, "c": {"d": ["x"]}}}'],
    ['{\n  "a": {}\n}\n', set('a.c', 'yes'), '{\n  "a": {"c": "yes"}\n}\n'],
    [
      '{\n\t"a": [\n\t\t1\n\t]\n}\n',
      append('a', { b: null }),
      '{\n\t"a": [\n\t\t1,\n\t\t{"b": null}\n\t]\n}\n',
    ],
    ['{\r\n  "a": 1\r\n}', set('0', 'x'), '{\r\n  "a": 1,\r\n  "0": "x"\r\n}'],
  ])('an edit of %j leaves JSON', (before, edit, after) => {
    const changed = applyEdits(before, [edit])
    expect(changed).toBe(after)
    JSON.parse(changed)
  })
})

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('no', '1', '${A}', "'", '#', '- x'),
)
const leaf = fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null))
const { tree: value } = fc.letrec<{ tree: EditValue }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(text, tie('tree'), { maxKeys: 3, noNullPrototype: true }),
  ),
}))

it('any value is written so that it is read again, in every style', () => {
  const files = ['a: 1\n', 'a: { b: 1 }\n', '{ a: 1 }', '{"a": 1}', "a: 'x'\r\n"]
  fc.assert(
    fc.property(fc.constantFrom(...files), value, (file, written) => {
      const { z } = parse(applyEdits(file, [set('z', written)])) as { z: unknown }
      const read: unknown = JSON.parse(JSON.stringify(z), (_, each: unknown) =>
        typeof each === 'string' ? substitute(each, {}).text : each,
      )
      expect(read).toEqual(written)
    }),
  )
})

it('several edits are made one after the other', () => {
  const edits = [
    set('a.x', '1'),
    set('a.y', '2'),
    set('b.new', 3),
    set('a.x', '4'),
    append('c', 1),
    append('c', 2),
    set('a', 5),
    set('d', 1),
    set('d', {}),
    set('d.e', 2),
  ]
  expect(applyEdits('a:\n  x: 0 # x\n  y: 0\nb: {}\nc:\n', edits.slice(0, 6))).toBe(
    'a:\n  x: "4" # x\n  y: "2"\nb: { new: 3 }\nc: [1, 2]\n',
  )
  expect(applyEdits('{ a: { x: 0, y: 0 } }\n', edits)).toBe(
    '{ a: 5, b: { new: 3 }, c: [1, 2], d: { e: 2 } }\n',
  )
})

const names = fc.stringMatching(/^[a-z]{1,3}$/)
type Tree = Record<string, unknown>
const { map } = fc.letrec<{ map: Tree; any: unknown }>((tie) => ({
  map: fc.dictionary<string, unknown>(names, tie('any'), { minKeys: 1, maxKeys: 4, noNullPrototype: true }),
  any: fc.oneof({ maxDepth: 3 }, leaf, fc.array(leaf, { maxLength: 3 }), tie('map')),
}))
const styles = fc.record({
  collectionStyle: fc.constantFrom('any' as const, 'block' as const, 'flow' as const),
  indent: fc.constantFrom(2, 3, 4),
  indentSeq: fc.boolean(),
  singleQuote: fc.boolean(),
  lineWidth: fc.constantFrom(0, 20),
})

/** What a file says after a change; undefined if something on the way is neither an object nor missing. */
function withValue(tree: unknown, [name = '', ...rest]: readonly string[], set: unknown): Tree | undefined {
  if (tree !== undefined && tree !== null && (typeof tree !== 'object' || Array.isArray(tree)))
    return undefined
  const before = (tree ?? {}) as Tree
  const inner = rest.length === 0 ? set : withValue(before[name], rest, set)
  return inner === undefined ? undefined : { ...before, [name]: inner }
}

it('a value can be set anywhere in a file, however that is written', () => {
  const path = fc.array(names, { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(map, styles, path, fc.oneof(fc.integer(), map), (file, style, path, set) => {
      const expected = withValue(file, path, set)
      fc.pre(expected !== undefined && !JSON.stringify(set).includes('${'))
      for (const text of [stringify(file, style), JSON.stringify(file), JSON.stringify(file, null, 2)]) {
        // What `stringify` writes in narrow lines is not always YAML.
        if (parseFile(text).document === undefined) continue
        expect(parse(applyEdits(text, [{ path, set: set as EditValue }]))).toEqual(expected)
      }
    }),
  )
})
