import { randomBytes, randomInt } from 'node:crypto'

/** A record as the demo sends it. Each has a header `id` that identifies it later. */
export interface DemoRecord {
  readonly key: string | null
  readonly value: string | null
  readonly headers: { readonly id: string; readonly [name: string]: string | Buffer | (string | Buffer)[] }
}

const CUSTOMERS = [
  'Zoë Ångström',
  '李小龙股份有限公司',
  'Łukasz Żółć',
  'Мария Иванова',
  'محمد علي',
  'Seán Ó Briain',
  '🦄 GmbH',
]
const STREETS = ['Große Straße', 'Rue de l’Église', '中山路', 'Calle Señor', 'улица Ленина']
const IBANS = ['DE89370400440532013000', 'GB29NWBK60161331926819', 'FR1420041010050500013M02606']
const NOTE = '✂ bitte nicht knicken '

/** Text that the orders contain, and that must not occur in anything that the broker holds. */
export const SECRETS: readonly string[] = [
  ...CUSTOMERS,
  ...STREETS,
  ...IBANS,
  NOTE,
  '"customer"',
  '"address"',
  '"iban"',
  '"total"',
]

function pick<T>(list: readonly T[]): T {
  return list[randomInt(list.length)] as T
}

function order(id: number, noteBytes: number): string {
  return JSON.stringify({
    id,
    customer: { name: pick(CUSTOMERS), address: { street: pick(STREETS), number: randomInt(1, 200) } },
    payment: { iban: pick(IBANS), total: `${String(randomInt(1, 9999))}.${String(randomInt(10, 99))} €` },
    items: Array.from({ length: randomInt(1, 5) }, (_, n) => ({
      sku: `sku-${String(n)}`,
      count: randomInt(1, 9),
    })),
    note: NOTE.repeat(Math.ceil(noteBytes / Buffer.byteLength(NOTE))),
  })
}

let lastId = 0

/**
 * Orders. Among them are tombstones, empty values and records without a key; headers have text, bytes and repeated
 * names.
 */
export function orders(count: number, noteBytes = 200): DemoRecord[] {
  return Array.from({ length: count }, () => {
    const id = ++lastId
    return {
      key: id % 50 === 49 ? null : `customer-${String(id % 300)}`,
      value: id % 97 === 0 ? null : id % 499 === 0 ? '' : order(id, noteBytes),
      headers: {
        id: String(id),
        type: 'Bestellung für später',
        tag: ['second to none', `first-${String(id % 3)}`, randomBytes(8)],
        trace: randomBytes(16),
      },
    }
  })
}

/** One order of 900 KB. */
export function hugeOrder(): DemoRecord {
  const id = ++lastId
  return { key: 'huge', value: order(id, 900_000), headers: { id: String(id), type: 'order' } }
}
