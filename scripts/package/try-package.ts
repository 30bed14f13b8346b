import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/*
 * Tries the packed tarball as its users would: in empty projects, from ESM, from `require`, from a CommonJS
 * TypeScript project under `module: node16`, and from Jest with its defaults.
 */

const ROUND_TRIP = `
async function roundTrip({ createEncryption, isEnvelopeError }, { localKms }, { sealRecords, openRecords }, { loadConfig }, testing) {
  const emulator = await testing.startTencentKmsEmulator({ keys: [{ alias: 'orders' }] })
  if (!(await fetch(emulator.url)).ok || emulator.calls().length !== 1) throw new Error('no emulator')
  await emulator.close()
  const kms = { dev: localKms({ keyring: './dev.keyring' }) }
  const encryption = await createEncryption(await loadConfig('kafka-envelope.yaml', { kms, env: { CMK: 'orders' } }))
  const [sealed] = await sealRecords(encryption, [{ topic: 'orders', key: 'k', value: 'v' }])
  if (sealed.value.includes('v'.repeat(2)) || sealed.value[0] !== 0xc3) throw new Error('not sealed')
  const [opened, moved] = await openRecords(encryption, [sealed, { ...sealed, key: 'other' }])
  if (opened.value.toString() !== 'v') throw new Error('not opened')
  if (!isEnvelopeError(moved.error) || moved.error.code !== 'AUTHENTICATION_FAILED') throw new Error('not refused')
  await encryption.close()
}
`

/** OpenTelemetry's API is an optional peer: its entry works where it is installed, and all others where it is not. */
const TELEMETRY = `
async function instruments({ createEncryption }, { localKms }, { instrument }) {
  const encryption = await createEncryption({
    kms: { dev: localKms({ keyring: './dev.keyring' }) },
    cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
    topics: [{ match: ['orders'], encrypt: { cmk: 'orders' } }],
  })
  const stop = instrument(encryption)
  await encryption.records.seal([{ topic: 'orders', value: 'v' }])
  stop()
  await encryption.close()
}
`

const CONFIG = `version: 1
cmks:
  orders: [{ kms: dev, id: "\${CMK}" }]
topics:
  - { match: [orders], encrypt: { cmk: orders }, read: { cmk: orders } }
`

// Whoever gives the configuration in code does not load a YAML parser.
const FREE_OF_YAML = `
for (const name of ['kafka-envelope', 'kafka-envelope/kms/local', 'kafka-envelope/record']) require(name)
const loaded = Object.keys(require.cache).filter((path) => path.includes('/node_modules/'))
if (!loaded.some((path) => path.includes('/valibot/')) || loaded.some((path) => path.includes('/yaml/'))) {
  throw new Error('the core loads ' + loaded)
}
`

/** The SDK of Tencent Cloud is optional, and so are its types. */
const TENCENT = `
async function describesTencent({ tencentKms }, expected) {
  const kms = tencentKms({ credentials: { secretId: 'id', secretKey: 'key' } })
  const outcome = await kms.describe('ap-guangzhou/x', new AbortController().signal).then(
    ({ provider }) => provider,
    ({ code }) => code,
  )
  if (outcome !== expected) throw new Error('tencent: ' + outcome)
  await kms.close()
}
`

const projects: Record<string, { files: Record<string, string>; install?: string[]; commands: string[][] }> =
  {
    'ESM import': {
      files: {
        'package.json': '{ "type": "module" }',
        'main.js': `
import * as root from 'kafka-envelope'
import * as local from 'kafka-envelope/kms/local'
import * as record from 'kafka-envelope/record'
import * as config from 'kafka-envelope/config'
import * as testing from 'kafka-envelope/testing'
import * as tencent from 'kafka-envelope/kms/tencent'
${ROUND_TRIP}
${TENCENT}
await describesTencent(tencent, 'KMS_SDK_MISSING')
await roundTrip(root, local, record, config, testing)
const loading = await import('kafka-envelope/opentelemetry').then(() => 'loaded', ({ code }) => code)
if (loading !== 'ERR_MODULE_NOT_FOUND') throw new Error('opentelemetry: ' + loading)`,
      },
      commands: [['node', 'main.js']],
    },
    'CommonJS require': {
      install: ['tencentcloud-sdk-nodejs-common@4.1.220', '@opentelemetry/api@1.9.1'],
      files: {
        'package.json': '{}',
        'main.js': `${FREE_OF_YAML}${ROUND_TRIP}
${TENCENT}
${TELEMETRY}
instruments(require('kafka-envelope'), require('kafka-envelope/kms/local'), require('kafka-envelope/opentelemetry'))
  .catch((error) => { console.error(error); process.exit(1) })
describesTencent(require('kafka-envelope/kms/tencent'), 'tencent-kms')
  .catch((error) => { console.error(error); process.exit(1) })
roundTrip(require('kafka-envelope'), require('kafka-envelope/kms/local'), require('kafka-envelope/record'), require('kafka-envelope/config'), require('kafka-envelope/testing'))
  .catch((error) => { console.error(error); process.exit(1) })`,
      },
      commands: [['node', 'main.js']],
    },
    'CommonJS TypeScript under module: node16': {
      install: ['typescript@6.0.3', '@types/node@20', '@opentelemetry/api@1.10.0'],
      files: {
        'package.json': '{ "type": "commonjs" }',
        'tsconfig.json': JSON.stringify({
          compilerOptions: {
            module: 'node16',
            target: 'es2022',
            strict: true,
            types: ['node'],
            skipLibCheck: false,
          },
          files: ['main.ts'],
        }),
        'main.ts': `
import { Kafka, type Consumer, type Producer } from 'kafkajs'
import { createEncryption, envelopeOf, EnvelopeError, type EncryptionConfig } from 'kafka-envelope'
import { localKms } from 'kafka-envelope/kms/local'
import { tencentKms, type TencentClient } from 'kafka-envelope/kms/tencent'
import { instrument } from 'kafka-envelope/opentelemetry'
import { openRecords, sealRecords } from 'kafka-envelope/record'
import { loadConfig, type LoadOptions } from 'kafka-envelope/config'
import { startTencentKmsEmulator, type TencentKmsEmulator } from 'kafka-envelope/testing'

const client: TencentClient = { request: async (action, params, { signal }) => ({ action, params, signal }) }

async function main(): Promise<void> {
  const config: EncryptionConfig = {
    kms: { dev: localKms({ keyring: './dev.keyring' }), tencent: tencentKms({ client: () => client }) },
    cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
    topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, read: { cmk: 'orders' } }],
  }
  const options: LoadOptions = { kms: config.kms, env: { CMK: 'orders' } }
  const loaded: EncryptionConfig = await loadConfig('kafka-envelope.yaml', options)
  if (loaded.topics.length !== config.topics.length) throw new Error('not loaded')
  const encryption = await createEncryption(config)
  const stop: () => void = instrument(encryption)
  const kafka = new Kafka({ brokers: ['localhost:1'] })
  const producer: Producer = encryption.producer(kafka.producer())
  const consumer: Consumer = encryption.consumer(kafka.consumer({ groupId: 'g' }))
  if (!producer.send || !consumer.run || envelopeOf({})) throw new EnvelopeError('INVALID_RECORD', 'never')
  const sealed = await sealRecords(encryption, [{ topic: 'orders', key: 'k', value: 'v' }])
  const [opened] = await openRecords(encryption, sealed)
  if (opened?.value?.toString() !== 'v') throw new Error('not opened')
  stop()
  await encryption.close()
  const kms: TencentKmsEmulator = await startTencentKmsEmulator()
  await kms.close()
}
void main()`,
      },
      commands: [
        ['npx', 'tsc'],
        ['node', 'main.js'],
      ],
    },
    'Jest with its defaults': {
      install: ['jest@30', 'tencentcloud-sdk-nodejs@4.1.313'],
      files: {
        'package.json': '{}',
        'main.test.js': `${ROUND_TRIP}
${TENCENT}
test('tencent', () => describesTencent(require('kafka-envelope/kms/tencent'), 'tencent-kms'))
test('round trip', () =>
  roundTrip(require('kafka-envelope'), require('kafka-envelope/kms/local'), require('kafka-envelope/record'), require('kafka-envelope/config'), require('kafka-envelope/testing')))`,
      },
      commands: [['npx', 'jest']],
    },
  }

const work = mkdtempSync(join(tmpdir(), 'kafka-envelope-package-'))
let passed = 0
try {
  run(['npm', 'pack', '--silent', '--pack-destination', work], '.')
  const tarball = join(work, readdirSync(work).find((name) => name.endsWith('.tgz')) ?? '')
  const kafkajs = (
    JSON.parse(readFileSync('package.json', 'utf8')) as { devDependencies: { kafkajs: string } }
  ).devDependencies.kafkajs
  for (const [name, { files, install = [], commands }] of Object.entries(projects)) {
    const folder = join(work, name.replaceAll(/\W+/g, '-'))
    mkdirSync(folder)
    for (const [file, text] of Object.entries({ ...files, 'kafka-envelope.yaml': CONFIG })) {
      writeFileSync(join(folder, file), text)
    }
    run(
      [
        'npm',
        'install',
        '--silent',
        '--prefer-offline',
        '--no-audit',
        tarball,
        `kafkajs@${kafkajs}`,
        ...install,
      ],
      folder,
    )
    run(['npx', 'kafka-envelope', 'keyring', 'create', 'dev.keyring', '--cmk', 'orders'], folder)
    run(['npx', 'kafka-envelope', 'check', 'kafka-envelope.yaml', '--env', 'CMK=orders'], folder)
    for (const command of commands) run(command, folder)
    console.log(`package: ${name}: ok`)
    passed++
  }
  console.log(`package: ${String(passed)} projects work`)
} finally {
  rmSync(work, { recursive: true, force: true })
}

function run([program = '', ...args]: string[], folder: string): void {
  execFileSync(program, args, {
    cwd: resolve(folder),
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, NODE_ENV: '' },
  })
}
