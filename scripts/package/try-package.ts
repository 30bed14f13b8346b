import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/*
 * Tries the packed tarball as its users would: in empty projects, from ESM, from `require`, from a CommonJS
 * TypeScript project under `module: node16`, and from Jest with its defaults.
 */

const ROUND_TRIP = `
async function roundTrip({ createEncryption, isEnvelopeError }, { localKms }, { sealRecords, openRecords }, testing) {
  const kms = await testing.startTencentKmsEmulator({ keys: [{ alias: 'orders' }] })
  if (!(await fetch(kms.url)).ok || kms.calls().length !== 1) throw new Error('no emulator')
  await kms.close()
  const encryption = await createEncryption({
    kms: { dev: localKms({ keyring: './dev.keyring' }) },
    cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
    topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, read: { cmk: 'orders' } }],
  })
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

const projects: Record<string, { files: Record<string, string>; install?: string[]; commands: string[][] }> =
  {
    'ESM import': {
      files: {
        'package.json': '{ "type": "module" }',
        'main.js': `
import * as root from 'kafka-envelope'
import * as local from 'kafka-envelope/kms/local'
import * as record from 'kafka-envelope/record'
import * as testing from 'kafka-envelope/testing'
${ROUND_TRIP}
await roundTrip(root, local, record, testing)
const loading = await import('kafka-envelope/opentelemetry').then(() => 'loaded', ({ code }) => code)
if (loading !== 'ERR_MODULE_NOT_FOUND') throw new Error('opentelemetry: ' + loading)`,
      },
      commands: [['node', 'main.js']],
    },
    'CommonJS require': {
      install: ['@opentelemetry/api@1.9.1'],
      files: {
        'package.json': '{}',
        'main.js': `${ROUND_TRIP}
${TELEMETRY}
instruments(require('kafka-envelope'), require('kafka-envelope/kms/local'), require('kafka-envelope/opentelemetry'))
  .catch((error) => { console.error(error); process.exit(1) })
roundTrip(require('kafka-envelope'), require('kafka-envelope/kms/local'), require('kafka-envelope/record'), require('kafka-envelope/testing'))
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
import { instrument } from 'kafka-envelope/opentelemetry'
import { openRecords, sealRecords } from 'kafka-envelope/record'
import { startTencentKmsEmulator, type TencentKmsEmulator } from 'kafka-envelope/testing'

async function main(): Promise<void> {
  const config: EncryptionConfig = {
    kms: { dev: localKms({ keyring: './dev.keyring' }) },
    cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
    topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, read: { cmk: 'orders' } }],
  }
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
      install: ['jest@30'],
      files: {
        'package.json': '{}',
        'main.test.js': `${ROUND_TRIP}
test('round trip', () =>
  roundTrip(require('kafka-envelope'), require('kafka-envelope/kms/local'), require('kafka-envelope/record'), require('kafka-envelope/testing')))`,
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
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
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
