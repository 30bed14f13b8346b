import { expect, it } from 'vitest'
import { CANARY } from '../support/emissions.js'
import { standingOn } from '../integration/support/letters.js'
import { fixture } from '../integration/support/pair.js'

it('a plain client finds no plaintext on the broker, whatever KafkaJS sends', async () => {
  const made = await fixture('laws.plaintext')
  await made.producer.send({
    topic: made.topic,
    messages: [{ value: `${CANARY} 1` }, { value: `${CANARY} 2` }],
  })
  const values = (await standingOn(made.topic)).map(({ value }) => value?.toString('latin1') ?? '')
  expect(values).toHaveLength(2)
  expect(values.join('')).not.toContain(CANARY)
  await made.end()
})
