import { describe, expect, it } from 'vitest'
import {
  copying,
  createDeflater,
  createKey,
  destroyKey,
  numbers,
  openInto,
  openOne,
  pack,
  seal,
  sealedByNode,
  sealing,
  sealInto,
  type Packed,
} from './batch.js'

const KEY = Buffer.alloc(32, 1)
const RECORDS = ['one', 'two', 'three'].map((text) => ({
  body: Buffer.from(text),
  aad: Buffer.from(`aad of ${text}`),
}))

/** Calls a function with what its types forbid. */
const untyped = (run: (...args: never[]) => unknown): ((...args: unknown[]) => unknown) =>
  run as (...args: unknown[]) => unknown

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'nothing thrown'
}

/** The functions that take a batch, each with good arguments by name. A test replaces some of these. */
const FUNCTIONS = {
  seal(change: (batch: Packed) => Record<string, unknown>) {
    const batch = pack(RECORDS)
    const a: Record<string, unknown> = { key: createKey(KEY), firstCounter: 0, ...batch, ...change(batch) }
    return { batch, run: () => untyped(seal)(a['key'], a['firstCounter'], a['data'], a['aads'], a['layout']) }
  },
  sealInto(change: (batch: Packed) => Record<string, unknown>) {
    const batch = pack(RECORDS)
    const a: Record<string, unknown> = {
      key: createKey(KEY),
      firstCounter: 0,
      ...batch,
      ...sealing(batch, RECORDS),
      ...change({ ...batch, ...sealing(batch, RECORDS) }),
    }
    return {
      batch,
      run: () =>
        untyped(sealInto)(a['key'], a['firstCounter'], a['source'], a['data'], a['aads'], a['layout']),
    }
  },
  openInto(change: (batch: Packed) => Record<string, unknown>) {
    const batch = sealedByNode(KEY, 0, RECORDS)
    const { layout, targetBytes } = copying(batch)
    const a: Record<string, unknown> = {
      key: createKey(KEY),
      opened: new Uint8Array(3),
      target: Buffer.alloc(targetBytes),
      ...{ ...batch, layout },
      ...change({ ...batch, layout }),
    }
    return {
      batch,
      run: () => untyped(openInto)(a['key'], a['data'], a['target'], a['aads'], a['layout'], a['opened']),
    }
  },
}

/** The same for the function that takes one record. */
function prepareOne(change: (batch: Packed) => Record<string, unknown>): {
  batch: Packed
  run: () => unknown
} {
  const batch = sealedByNode(KEY, 0, RECORDS.slice(0, 1))
  const target = Buffer.from(new ArrayBuffer(3))
  const a: Record<string, unknown> = {
    key: createKey(KEY),
    target,
    ...batch,
    ...placesOf(batch),
    ...change(batch),
  }
  return {
    // What it may write to.
    batch: { ...batch, data: target },
    run: () =>
      untyped(openOne)(a['key'], a['data'], a['target'], a['aads'], a['ivAt'], a['tagAt'], a['bodyAt']),
  }
}

function placesOf({ layout }: Packed): Record<'ivAt' | 'tagAt' | 'bodyAt', number> {
  const [ivAt, tagAt, bodyAt] = numbers(layout, 0)
  return { ivAt, tagAt, bodyAt }
}

const EACH = Object.entries(FUNCTIONS).map(([name, prepare]) => ({ name, prepare }))
const ALL = [...EACH, { name: 'openOne', prepare: prepareOne }]
const IN_PLACE = EACH.filter(({ name }) => !name.endsWith('Into'))

function expectRefusal(
  prepare: (typeof EACH)[number]['prepare'],
  change: (batch: Packed) => Record<string, unknown>,
  code: string,
): void {
  const { batch, run } = prepare(change)
  const before = Buffer.from(batch.data)
  expect(codeOf(run)).toBe(code)
  expect(batch.data.equals(before)).toBe(true)
}

function detached(): Uint8Array {
  const bytes = new Uint8Array(200)
  structuredClone(bytes, { transfer: [bytes.buffer] })
  return bytes
}

/** A view of a buffer that has shrunk under it. */
function shrunk(): Uint8Array {
  const buffer = Reflect.construct(ArrayBuffer, [200, { maxByteLength: 400 }]) as ArrayBuffer & {
    resize(length: number): void
  }
  const bytes = new Uint8Array(buffer, 0, 200)
  buffer.resize(8)
  return bytes
}

describe.each(ALL)('$name', ({ name, prepare }) => {
  it.each([
    undefined,
    null,
    7,
    7n,
    true,
    'key',
    Symbol('key'),
    () => undefined,
    {},
    // It carries something else.
    createDeflater(Buffer.from('dictionary')),
    Object.create(null),
    Buffer.alloc(32),
    new Proxy(createKey(KEY), {}),
  ])(`${name} refuses a value that is not a key: %s`, (key) => {
    expectRefusal(prepare, () => ({ key }), 'NATIVE_KEY')
    // Also after a call with a key.
    prepare(() => ({})).run()
    expectRefusal(prepare, () => ({ key }), 'NATIVE_KEY')
  })

  it(`${name} refuses a clone of a key`, () => {
    expectRefusal(prepare, () => ({ key: structuredClone(createKey(KEY)) }), 'NATIVE_KEY')
  })

  it(`${name} refuses a key that was destroyed, also if it was used last, and others use its memory`, () => {
    const key = createKey(KEY)
    destroyKey(key)
    expectRefusal(prepare, () => ({ key }), 'NATIVE_KEY_DESTROYED')
    const used = createKey(KEY)
    prepare(() => ({ key: used })).run()
    destroyKey(used)
    expectRefusal(prepare, () => ({ key: used }), 'NATIVE_KEY_DESTROYED')
    const others = Array.from({ length: 20 }, () => createKey(KEY))
    for (const other of others) {
      prepare(() => ({ key: other })).run()
      expectRefusal(prepare, () => ({ key: used }), 'NATIVE_KEY_DESTROYED')
    }
  })

  const others: Record<string, unknown> = {
    'a list': [1, 2, 3],
    'a string': 'bytes',
    'a buffer without a view': new ArrayBuffer(200),
    'a DataView': new DataView(new ArrayBuffer(200)),
    'an Int8Array': new Int8Array(200),
    'a Uint8ClampedArray': new Uint8ClampedArray(200),
    'a BigUint64Array': new BigUint64Array(24),
    'a Uint16Array': new Uint16Array(24),
    'shared memory': new Uint8Array(new SharedArrayBuffer(200)),
    'a Proxy': new Proxy(new Uint8Array(200), {}),
    'a buffer that was transferred': detached(),
  }
  // Only newer versions of Node.js have it.
  const Float16: unknown = Reflect.get(globalThis, 'Float16Array')
  if (typeof Float16 === 'function') others['a Float16Array'] = Reflect.construct(Float16, [200])
  it.each(Object.keys(others))(`${name} refuses %s in place of bytes`, (kind) => {
    expectRefusal(prepare, () => ({ data: others[kind] }), 'NATIVE_ARGUMENT')
    expectRefusal(prepare, () => ({ aads: others[kind] }), 'NATIVE_ARGUMENT')
    if (name !== 'openOne') expectRefusal(prepare, () => ({ layout: others[kind] }), 'NATIVE_ARGUMENT')
    if (name === 'openInto') expectRefusal(prepare, () => ({ opened: others[kind] }), 'NATIVE_ARGUMENT')
    if (name.startsWith('open')) expectRefusal(prepare, () => ({ target: others[kind] }), 'NATIVE_ARGUMENT')
    if (name === 'sealInto') expectRefusal(prepare, () => ({ source: others[kind] }), 'NATIVE_ARGUMENT')
  })

  it(`${name} refuses a view of a buffer that has shrunk`, () => {
    const { run } = prepare(() => ({ data: shrunk() }))
    expect(['NATIVE_ARGUMENT', 'NATIVE_LAYOUT']).toContain(codeOf(run))
  })

  it(`${name} refuses a wrong number of arguments`, () => {
    const run = untyped({ seal, sealInto, openInto, openOne }[name as 'seal'])
    expect(codeOf(() => run())).toBe('NATIVE_ARGUMENT')
    expect(codeOf(() => run(createKey(KEY)))).toBe('NATIVE_ARGUMENT')
  })
})

describe.each(EACH)('the layout of $name', ({ name, prepare }) => {
  it(`${name} refuses a layout in shared memory`, () => {
    const layout = new Uint32Array(new SharedArrayBuffer(24))
    expectRefusal(prepare, () => ({ layout }), 'NATIVE_ARGUMENT')
  })

  it(`${name} refuses a layout with half a record`, () => {
    expectRefusal(
      prepare,
      ({ layout }) => ({ layout: layout.subarray(0, layout.length - 1) }),
      'NATIVE_LAYOUT',
    )
  })

  it(`${name} refuses data that share memory with the layout, or with AADs`, () => {
    if (name === 'openInto') return // It does not write to its data; its target is tried below.
    const room = new ArrayBuffer(4096)
    const data = new Uint8Array(room)
    expectRefusal(
      prepare,
      ({ layout }) => ({ data, layout: new Uint32Array(room, 64, layout.length) }),
      'NATIVE_ARGUMENT',
    )
    expectRefusal(
      prepare,
      ({ aads }) => ({ data, aads: new Uint8Array(room, 4095 - aads.length, aads.length) }),
      'NATIVE_ARGUMENT',
    )
  })

  // The offsets of one record, each moved out of its buffer, also so far that a sum of 32 bits would wrap around.
  const places = name.endsWith('Into') ? 7 : 6
  it.each(Array.from({ length: places }, (_, i) => i))(
    `${name} refuses offset %i outside its buffer`,
    (place) => {
      for (const value of [2 ** 32 - 1, 2 ** 32 - 12, 2 ** 32 - 16, 2 ** 31, 2 ** 31 - 1, 100_000]) {
        for (const record of [0, 1, 2]) {
          expectRefusal(
            prepare,
            ({ layout }) => {
              const wrong = Uint32Array.from(layout)
              wrong[record * places + place] = value
              return { layout: wrong }
            },
            'NATIVE_LAYOUT',
          )
        }
      }
    },
  )

  it(`${name} refuses buffers that are one byte too short`, () => {
    expectRefusal(prepare, ({ data }) => ({ data: data.subarray(0, -1) }), 'NATIVE_LAYOUT')
    expectRefusal(prepare, ({ aads }) => ({ aads: aads.subarray(0, -1) }), 'NATIVE_LAYOUT')
  })
})

describe.each(IN_PLACE)('$name in place', ({ name, prepare }) => {
  const touching: Record<string, (one: number[], three: number[]) => void> = {
    'an IV in the tag': (one) => (one[0] = (one[1] ?? 0) + 4),
    'a tag in the body': (one) => (one[1] = one[2] ?? 0),
    'an IV in the body': (one) => (one[0] = (one[2] ?? 0) - 11),
    'a record that begins in the one before it': (one, three) => (three[0] = (one[3] ?? 0) - 1),
    'a record before the one that was before it': (one, three) => {
      three.splice(0, 4, ...one.slice(0, 4))
    },
    'a body that ends before it begins': (one) => (one[3] = (one[2] ?? 0) - 1),
    'an AAD that ends before it begins': (one) => (one[5] = (one[4] ?? 0) - 1),
  }
  it.each(Object.keys(touching))(`${name} refuses %s`, (kind) => {
    expectRefusal(
      prepare,
      ({ layout }) => {
        const [one, two, three] = [0, 1, 2].map((i) => [...numbers(layout, i)]) as [
          number[],
          number[],
          number[],
        ]
        touching[kind]?.(two, three)
        return { layout: Uint32Array.from([...one, ...two, ...three]) }
      },
      'NATIVE_LAYOUT',
    )
  })
})

describe('the outcomes of openInto', () => {
  const prepare = FUNCTIONS.openInto
  it.each([0, 2, 4])('openInto refuses %i places for the outcome of three records', (length) => {
    expectRefusal(prepare, () => ({ opened: new Uint8Array(length) }), 'NATIVE_ARGUMENT')
  })

  it('openInto refuses a place for the outcome that shares memory with the layout, or with AADs', () => {
    const room = new ArrayBuffer(1024)
    const opened = new Uint8Array(room, 84, 3)
    expectRefusal(
      prepare,
      ({ layout }) => ({ opened, layout: new Uint32Array(room, 88 - layout.byteLength, layout.length) }),
      'NATIVE_ARGUMENT',
    )
    expectRefusal(
      prepare,
      ({ aads }) => ({ opened, aads: new Uint8Array(room, 86, aads.length) }),
      'NATIVE_ARGUMENT',
    )
  })
})

describe('openInto', () => {
  it('openInto refuses a target that shares memory with its source, its layout or its AADs', () => {
    const prepare = FUNCTIONS.openInto
    const room = new ArrayBuffer(1024)
    const target = new Uint8Array(room, 200, 11)
    expectRefusal(prepare, () => ({ target, data: new Uint8Array(room, 0, 201) }), 'NATIVE_ARGUMENT')
    expectRefusal(
      prepare,
      ({ layout }) => ({ target, layout: new Uint32Array(room, 200, layout.length) }),
      'NATIVE_ARGUMENT',
    )
    expectRefusal(
      prepare,
      ({ aads }) => ({ target, aads: new Uint8Array(room, 210, aads.length) }),
      'NATIVE_ARGUMENT',
    )
    expectRefusal(prepare, () => ({ target, opened: new Uint8Array(room, 208, 3) }), 'NATIVE_ARGUMENT')
  })

  it('openInto refuses targets that overlap or are too small', () => {
    const prepare = FUNCTIONS.openInto
    const at =
      (record: number, value: number) =>
      ({ layout }: Packed) => {
        const wrong = Uint32Array.from(layout)
        wrong[record * 7 + 6] = value
        return { layout: wrong }
      }
    expectRefusal(prepare, at(1, 2), 'NATIVE_LAYOUT')
    expectRefusal(prepare, at(2, 7), 'NATIVE_LAYOUT')
    expectRefusal(prepare, () => ({ target: new Uint8Array(10) }), 'NATIVE_LAYOUT')
  })
})

describe('openOne', () => {
  it('openOne refuses a target that shares memory with its source or its AAD', () => {
    const room = new ArrayBuffer(1024)
    const target = new Uint8Array(room, 200, 3)
    expectRefusal(prepareOne, () => ({ target, data: new Uint8Array(room, 166, 35) }), 'NATIVE_ARGUMENT')
    expectRefusal(prepareOne, () => ({ target, aads: new Uint8Array(room, 202, 9) }), 'NATIVE_ARGUMENT')
  })

  it.each(['ivAt', 'tagAt', 'bodyAt'])('openOne refuses a place that is not an offset: %s', (place) => {
    for (const value of [undefined, null, '4', 4n, {}, NaN, -1, 0.5, Infinity, 2 ** 32, 2 ** 32 + 4, 2 ** 53])
      expectRefusal(prepareOne, () => ({ [place]: value }), 'NATIVE_ARGUMENT')
  })

  it('openOne refuses parts that are cut off', () => {
    const length = 35
    expectRefusal(prepareOne, () => ({ ivAt: length - 11 }), 'NATIVE_LAYOUT')
    expectRefusal(prepareOne, () => ({ tagAt: length - 15 }), 'NATIVE_LAYOUT')
    for (const bodyAt of [length + 1, 2 ** 31, 2 ** 32 - 1])
      expectRefusal(prepareOne, () => ({ bodyAt }), 'NATIVE_LAYOUT')
  })

  it.each([0, 2, 4])('openOne refuses a target of %i bytes for a body of three', (bytes) => {
    expectRefusal(prepareOne, () => ({ target: new Uint8Array(bytes) }), 'NATIVE_LAYOUT')
  })
})

describe('sealInto', () => {
  it('its target shares no memory with its source', () => {
    const room = new ArrayBuffer(1024)
    const data = new Uint8Array(room, 200, 200)
    expectRefusal(
      FUNCTIONS.sealInto,
      () => ({ data, source: new Uint8Array(room, 0, 201) }),
      'NATIVE_ARGUMENT',
    )
    expectRefusal(
      FUNCTIONS.sealInto,
      () => ({ data, source: new Uint8Array(room, 399, 11) }),
      'NATIVE_ARGUMENT',
    )
  })

  it('its source has all of each body', () => {
    expectRefusal(FUNCTIONS.sealInto, () => ({ source: Buffer.alloc(10) }), 'NATIVE_LAYOUT')
  })

  // Place of the offset, and the offset in the record that it is moved to, less something.
  it.each([
    { what: 'an IV in the tag', place: 0, to: 1, less: 11 },
    { what: 'a tag in the ciphertext', place: 1, to: 6, less: 15 },
    { what: 'a ciphertext in the IV', place: 6, to: 0, less: -11 },
  ])('$what is refused', ({ place, to, less }) => {
    const moved = ({ layout }: Packed): Record<string, unknown> => {
      const wrong = Uint32Array.from(layout)
      wrong[7 + place] = (wrong[7 + to] ?? 0) - less
      return { layout: wrong }
    }
    expectRefusal(FUNCTIONS.sealInto, moved, 'NATIVE_LAYOUT')
  })

  it('a record in the place of the one before it is refused', () => {
    const moved = ({ layout }: Packed): Record<string, unknown> => {
      const wrong = Uint32Array.from(layout)
      for (const place of [0, 1, 6]) wrong[7 + place] = wrong[place] ?? 0
      return { layout: wrong }
    }
    expectRefusal(FUNCTIONS.sealInto, moved, 'NATIVE_LAYOUT')
  })
})

describe('createKey', () => {
  it.each([0, 16, 31, 33, 64])('a key of %i bytes is refused', (length) => {
    expect(codeOf(() => createKey(new Uint8Array(length)))).toBe('NATIVE_ARGUMENT')
  })

  it('a key in shared memory, or in none, is refused', () => {
    expect(codeOf(() => createKey(new Uint8Array(new SharedArrayBuffer(32))))).toBe('NATIVE_ARGUMENT')
    expect(codeOf(() => untyped(createKey)())).toBe('NATIVE_ARGUMENT')
    expect(codeOf(() => untyped(createKey)(new Uint32Array(8)))).toBe('NATIVE_ARGUMENT')
  })

  it('a key shows nothing of its bytes, nor where they are', () => {
    const key = createKey(KEY)
    expect(Reflect.ownKeys(key)).toEqual([])
    expect(JSON.stringify(key)).toBe('{}')
  })
})

describe('firstCounter', () => {
  it.each([-1, 0.5, NaN, Infinity, 2 ** 53, 2 ** 64, '0', 0n, null, undefined, Number.MAX_SAFE_INTEGER - 1])(
    'a counter of %s is refused for three records',
    (firstCounter) => {
      expectRefusal(FUNCTIONS.seal, () => ({ firstCounter }), 'NATIVE_COUNTER')
      expectRefusal(FUNCTIONS.sealInto, () => ({ firstCounter }), 'NATIVE_COUNTER')
    },
  )

  it('the last counter is Number.MAX_SAFE_INTEGER', () => {
    const batch = pack(RECORDS)
    seal(createKey(KEY), Number.MAX_SAFE_INTEGER - 2, batch.data, batch.aads, batch.layout)
    expect(batch.data.equals(sealedByNode(KEY, Number.MAX_SAFE_INTEGER - 2, RECORDS).data)).toBe(true)
  })
})
