import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readKafkaFile } from '../../../src/cli/kafka/kafka-file.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-file-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function read(text: string, environment: Record<string, string> = {}): Promise<unknown> {
  const file = join(folder, 'kafka.yaml')
  await writeFile(file, text)
  return readKafkaFile(file, environment)
}

it('brokers alone suffice', async () => {
  expect(await read('brokers: [a:9092, "[::1]:9093"]')).toEqual({ brokers: ['a:9092', '[::1]:9093'] })
})

it('a file says what the options of KafkaJS say, with secrets from the environment and certificates from files', async () => {
  await writeFile(join(folder, 'ca.pem'), 'CA')
  await writeFile(join(folder, 'key.pem'), 'KEY')
  const text = `
brokers: ['\${HOST}:9093']
clientId: operator
ssl: { caFile: ca.pem, cert: CERT, keyFile: ./key.pem, passphrase: '\${PASS}', servername: kafka }
sasl: { mechanism: scram-sha-512, username: op, password: '\${SECRET}' }
connectionTimeout: 3000
`
  expect(await read(text, { HOST: 'b', PASS: 'p', SECRET: 's' })).toEqual({
    brokers: ['b:9093'],
    clientId: 'operator',
    ssl: { ca: ['CA'], cert: 'CERT', key: 'KEY', passphrase: 'p', servername: 'kafka' },
    sasl: { mechanism: 'scram-sha-512', username: 'op', password: 's' },
    connectionTimeout: 3000,
  })
  expect(await read('{ "brokers": ["a:1"], "ssl": true }')).toEqual({ brokers: ['a:1'], ssl: true })
})

it('all mistakes are reported at once, each with its place, and no value of a variable is shown', async () => {
  const text = `brokers: ['\${HOST}', 'a:1']
ssl: { rejectUnauthorized: false }
sasl: { mechanism: oauthbearer, username: u, password: '\${NONE}' }
retry: {}
`
  const error = await read(text, { HOST: 'a secret' }).catch((thrown: unknown) => thrown as Error)
  expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
  const { issues } = error as { issues: { path: string; line: number; message: string }[] }
  expect(issues.map(({ path, line }) => `${path} ${String(line)}`)).toEqual([
    ...['brokers[0] 1', 'ssl 2', 'sasl.mechanism 3', 'sasl.password 3', 'retry 4'],
  ])
  expect((error as Error).message).not.toContain('a secret')
})

it('a text and a file for the same thing are a mistake', async () => {
  await expect(read('{ brokers: [a:1], ssl: { key: K, keyFile: k.pem } }')).rejects.toMatchObject({
    issues: [{ path: 'ssl.key', message: 'cannot be combined with ssl.keyFile' }],
  })
})

it('a certificate that cannot be read is named', async () => {
  await expect(read('{ brokers: [a:1], ssl: { caFile: none.pem } }')).rejects.toThrow('none.pem')
})
