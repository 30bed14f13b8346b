import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { KAFKA_VERSION } from '../../scripts/broker/broker.js'

const text = (path: string): Promise<string> =>
  readFile(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')

it('the README names the versions with which CI tests', async () => {
  const readme = await text('README.md')
  const row = (name: string): string => new RegExp(`^\\| ${name} .*$`, 'm').exec(readme)?.[0] ?? ''
  const { engines, devDependencies } = JSON.parse(await text('package.json')) as {
    engines: { node: string }
    devDependencies: Record<string, string>
  }
  const newest = /node@(\d+)/.exec(await text('.ci/run'))?.[1] ?? 'none'
  expect(row('Node.js')).toContain(`${engines.node.replace('>=', '')} is the oldest`)
  expect(row('Node.js')).toContain(` ${newest} (unit tests)`)
  expect(row('KafkaJS')).toContain(` ${devDependencies['kafkajs'] ?? 'none'} `)
  expect(row('Kafka')).toContain(` ${KAFKA_VERSION} `)
})
