import type { Producer } from '@platformatic/kafka'
import { expect, it } from 'vitest'
import { letterSender } from '../../../src/clients/platformatic/letter-sender.js'

const nobody = letterSender({} as unknown as Producer)

it('letters are sent with all acknowledgements, with every value of a header, and without what is null', async () => {
  const sent: unknown[] = []
  const producer = {
    send: (options: unknown) => {
      sent.push(options)
      return Promise.resolve({})
    },
  } as unknown as Producer
  const { send } = letterSender(producer)
  await send({
    topic: 'dead',
    letters: [
      { key: 'k', value: Buffer.from('v'), headers: { one: '1', many: ['a', Buffer.from('b')] } },
      { key: null, value: null, headers: {} },
    ],
    gzip: true,
  })
  await send({ topic: 'dead', letters: [], gzip: false })
  expect(sent).toEqual([
    {
      acks: -1,
      compression: 'gzip',
      messages: [
        {
          topic: 'dead',
          key: Buffer.from('k'),
          value: Buffer.from('v'),
          headers: new Map([
            [Buffer.from('one'), Buffer.from('1')],
            [Buffer.from('many'), Buffer.from('a')],
            [Buffer.from('many'), Buffer.from('b')],
          ]),
        },
        { topic: 'dead', headers: new Map() },
      ],
    },
    { acks: -1, compression: 'none', messages: [] },
  ])
})

it.each([
  [
    'an error of a broker among those that the client collects',
    {
      name: 'MultipleErrors',
      errors: [{ code: 'PLT_KFK_RESPONSE', apiId: 'MESSAGE_TOO_LARGE', canRetry: false }],
    },
    { why: 'MESSAGE_TOO_LARGE', isTransient: false, isTooLarge: true, lostConnection: false },
  ],
  [
    'a leader that has moved',
    { cause: { apiId: 'NOT_LEADER_OR_FOLLOWER', canRetry: false, hasStaleMetadata: true } },
    { why: 'NOT_LEADER_OR_FOLLOWER', isTransient: true, isTooLarge: false, lostConnection: false },
  ],
  [
    'a connection that was lost',
    { code: 'PLT_KFK_NETWORK', name: 'NetworkError' },
    { why: 'PLT_KFK_NETWORK', isTransient: true, isTooLarge: false, lostConnection: true },
  ],
  [
    'a bug',
    new TypeError('secret text'),
    { why: 'TypeError', isTransient: false, isTooLarge: false, lostConnection: false },
  ],
  [
    'something that is no error',
    'secret text',
    { why: 'string', isTransient: true, isTooLarge: false, lostConnection: false },
  ],
])('a send that failed is judged by the cause of its error: %s', (_, error, judged) => {
  expect(nobody.failureOf(error)).toEqual(judged)
})

it('an error that is its own cause does not make it search forever', () => {
  const error: { name: string; cause?: unknown } = { name: 'Odd' }
  error.cause = error
  expect(nobody.failureOf(error)).toMatchObject({ isTransient: true })
})
