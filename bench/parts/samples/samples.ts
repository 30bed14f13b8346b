import avro from 'avsc'
import { chanceOf, type Chance } from './chance.js'

const FIRST = [
  'Anna',
  'Ben',
  'Chen',
  'Dana',
  'Emil',
  'Fatima',
  'Goran',
  'Hana',
  'Ivan',
  'Julia',
  'Kofi',
  'Lena',
]
const LAST = [
  'Abel',
  'Brandt',
  'Costa',
  'Dietrich',
  'Evans',
  'Fischer',
  'Garcia',
  'Huber',
  'Ito',
  'Jansen',
  'Kim',
]
const CITIES = [
  'Berlin',
  'Hamburg',
  'Lyon',
  'Madrid',
  'Osaka',
  'Porto',
  'Seoul',
  'Turin',
  'Utrecht',
  'Vienna',
]
const STREETS = ['Hauptstrasse', 'Rue de la Paix', 'Gran Via', 'Station Road', 'Via Roma', 'Lange Gasse']
const PRODUCTS = ['Desk lamp', 'Oak chair', 'Kettle', 'Wool blanket', 'Garden hose', 'Tea set', 'Book shelf']
const EVENT = ['view', 'click', 'cart', 'leave']
const PATHS = ['/api/orders', '/api/customers', '/health', '/login', '/api/search', '/static/app.js']
const AGENTS = ['Mozilla/5.0 (X11; Linux x86_64)', 'Mozilla/5.0 (Macintosh)', 'curl/8.5.0', 'okhttp/4.12.0']

const START_MS = Date.UTC(2026, 0, 1)

function time({ below }: Chance): string {
  return new Date(START_MS + below(30 * 86_400_000)).toISOString()
}

function uuid({ hex }: Chance): string {
  return [8, 4, 4, 4, 12].map(hex).join('-')
}

function price({ below }: Chance): number {
  return (100 + below(50_000)) / 100
}

/** An order in JSON, about 680 bytes. */
function order(chance: Chance): Buffer {
  const { below, pick } = chance
  const [first, last] = [pick(FIRST), pick(LAST)]
  const event = {
    eventType: 'OrderPlaced',
    eventVersion: 2,
    eventId: uuid(chance),
    occurredAt: time(chance),
    source: 'shop-frontend',
    order: {
      orderId: `ORD-${String(10_000_000 + below(90_000_000))}`,
      currency: 'EUR',
      status: pick(['NEW', 'PAID', 'PENDING_REVIEW']),
      totalAmount: price(chance),
      paymentMethod: pick(['CREDIT_CARD', 'INVOICE', 'PAYPAL']),
      customer: {
        customerId: below(1_000_000),
        firstName: first,
        lastName: last,
        email: `${first}.${last}${String(below(1_000))}@example.com`.toLowerCase(),
      },
      shippingAddress: {
        street: `${pick(STREETS)} ${String(1 + below(200))}`,
        postalCode: String(10_000 + below(90_000)),
        city: pick(CITIES),
        countryCode: pick(['DE', 'FR', 'ES', 'IT']),
      },
      items: Array.from({ length: 1 + below(2) }, () => ({
        sku: `SKU-${String(below(100_000))}`,
        name: pick(PRODUCTS),
        quantity: 1 + below(5),
        unitPrice: price(chance),
      })),
      giftWrap: below(10) === 0,
      shippingMethod: pick(['STANDARD', 'EXPRESS']),
      salesChannel: 'WEB',
      taxIncluded: true,
    },
  }
  return Buffer.from(JSON.stringify(event))
}

/** A small event in JSON, about 150 bytes. */
function smallEvent(chance: Chance): Buffer {
  const { below, pick } = chance
  const event = {
    type: pick(EVENT),
    sessionId: uuid(chance),
    userId: below(1_000_000),
    at: START_MS + below(1e9),
    page: pick(PATHS),
    durationMs: below(5_000),
  }
  return Buffer.from(JSON.stringify(event))
}

const MEASUREMENT = avro.Type.forSchema({
  type: 'record',
  name: 'Measurement',
  fields: [
    { name: 'device', type: 'string' },
    { name: 'site', type: 'string' },
    { name: 'unit', type: 'string' },
    { name: 'at', type: 'long' },
    { name: 'values', type: { type: 'array', items: 'double' } },
    { name: 'firmware', type: 'string' },
    { name: 'alarm', type: ['null', 'string'] },
  ],
})

/** A measurement in Avro, about 120 bytes, many of which are of floating-point numbers. */
function measurement(chance: Chance): Buffer {
  const { below, pick } = chance
  return MEASUREMENT.toBuffer({
    device: `sensor-${chance.hex(8)}`,
    site: `plant-${pick(CITIES).toLowerCase()}`,
    unit: pick(['temperature/celsius', 'pressure/hectopascal']),
    at: START_MS + below(1e9),
    values: Array.from({ length: 4 }, () => below(10_000) / 100),
    firmware: pick(['4.2.17-stable', '4.3.0-stable']),
    alarm: below(20) === 0 ? 'threshold exceeded' : null,
  })
}

/** A line of an access log, about 170 bytes. */
function logLine(chance: Chance): Buffer {
  const { below, pick } = chance
  const address = [10, below(256), below(256), below(256)].join('.')
  const status = pick([200, 200, 200, 304, 404, 500])
  return Buffer.from(
    `${time(chance)} INFO [http-worker-${String(below(16))}] access - ${address} "GET ${pick(PATHS)}?id=${String(below(100_000))} HTTP/1.1" ${String(status)} ${String(below(40_000))} "${pick(AGENTS)}" trace=${chance.hex(16)}`,
  )
}

const KINDS = { order, smallEvent, measurement, logLine }

export type SampleKind = keyof typeof KINDS
export const SAMPLE_KINDS = Object.keys(KINDS) as readonly SampleKind[]

export const SAMPLE_TITLES: Readonly<Record<SampleKind, string>> = {
  order: 'JSON orders',
  smallEvent: 'small JSON events',
  measurement: 'Avro measurements',
  logLine: 'log lines',
}

/** `count` values of a kind. */
export function sampleValues(kind: SampleKind, count: number, seed: number): Buffer[] {
  const chance = chanceOf(seed)
  return Array.from({ length: count }, () => KINDS[kind](chance))
}
