import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const src = new URL('../../src', import.meta.url).pathname

it('only clients, the entry for NestJS, the tools for operators and the command line name a Kafka client', () => {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  const neutral = files.filter((file) => !/^(clients\/(?!shared\/)|nestjs\/|operate\/|cli\/)/.test(file))
  expect(neutral.length).toBeGreaterThan(100)
  expect(
    neutral.filter((file) => /kafkajs|confluent|platformatic/i.test(readFileSync(join(src, file), 'utf8'))),
  ).toEqual([])
})
