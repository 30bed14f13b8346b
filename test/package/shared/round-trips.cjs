/*
 * The steps that every project takes with the package. The entries are given: each project loads them in its own way.
 * No copy of an error's class or of a global is compared here, since some projects have several.
 */
const { spawn, spawnSync } = require('node:child_process')
const { once } = require('node:events')
const { writeFileSync } = require('node:fs')
const { fakeKafka } = require('./fake-kafka.cjs')

const topics = [{ match: ['orders'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }]

function check(holds, what) {
  if (!holds) throw new Error(what)
}

/** Seals and opens records under a CMK in a file, by a configuration in a file with a KMS from code. */
exports.records = async ({ createEncryption, isEnvelopeError }, { localKms }, record, { loadConfig }) => {
  const kms = { dev: localKms({ keyring: './dev.keyring' }) }
  const config = await loadConfig('kafka-envelope.yaml', { kms, env: { CMK: 'orders' } })
  await roundTrip(await createEncryption(config), isEnvelopeError, record)
}

/** The same, by a configuration in code. */
exports.recordsByCode = async ({ createEncryption, isEnvelopeError }, { localKms }, record) => {
  const kms = { dev: localKms({ keyring: './dev.keyring' }) }
  const config = { kms, cmks: { orders: [{ kms: 'dev', id: 'orders' }] }, topics }
  await roundTrip(await createEncryption(config), isEnvelopeError, record)
}

/** The same, by a configuration in a file that describes its KMS. */
exports.recordsByFile = async ({ createEncryption, isEnvelopeError }, record, { loadConfig }) => {
  const kms = { dev: { provider: 'local', keyring: 'dev.keyring' } }
  const config = { version: 1, kms, cmks: { orders: [{ kms: 'dev', id: 'orders' }] }, topics }
  writeFileSync('with-kms.json', JSON.stringify(config))
  await roundTrip(await createEncryption(await loadConfig('with-kms.json')), isEnvelopeError, record)
}

async function roundTrip(encryption, isEnvelopeError, { sealRecords, openRecords }) {
  const [sealed] = await sealRecords(encryption, [{ topic: 'orders', key: 'k', value: 'value' }])
  check(sealed.value[0] === 0xc3 && !sealed.value.includes('value'), 'the record is not sealed')
  const [opened, moved] = await openRecords(encryption, [sealed, { ...sealed, key: 'other' }])
  check(opened.value.toString() === 'value', 'the record did not open')
  check(isEnvelopeError(moved.error) && moved.error.code === 'AUTHENTICATION_FAILED', 'a moved record opened')
  await encryption.close()
}

/** Records are sealed by one copy of the package and opened by another, with one encryption: ESM and CommonJS in one process. */
exports.mixedCopies = async ({ createEncryption }, { sealRecords, openRecords }, kms) => {
  const encryption = await createEncryption({
    kms: { dev: kms },
    cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
    topics,
  })
  check(createEncryption !== (await import('kafka-envelope')).createEncryption, 'there is one copy')
  const [opened] = await openRecords(
    encryption,
    await sealRecords(encryption, [{ topic: 'orders', value: 'value' }]),
  )
  check(opened.value.toString() === 'value', 'the record did not open')
  await encryption.close()
}

/** Sends through a wrapped producer and reads through wrapped consumers, each with an owner that has no DEK yet. */
exports.clients = async ({ createEncryption }, { encryptProducer, decryptConsumer, envelopeOf }, kms) => {
  const owner = () =>
    createEncryption({ kms: { k: kms() }, cmks: { orders: [{ kms: 'k', id: 'orders' }] }, topics })
  const kafka = fakeKafka()
  const writer = await owner()
  const producer = encryptProducer(kafka.producer(), writer)
  await producer.connect()
  await producer.send({
    topic: 'orders',
    messages: [
      { key: 'k', value: 'first' },
      { key: 'k', value: 'second' },
    ],
  })
  await producer.disconnect()
  await writer.close()
  check(kafka.sent.length === 2 && !kafka.sent.some(({ value }) => value.includes('first')), 'not sealed')

  const handlers = {
    eachMessage:
      (seen) =>
      async ({ message }) =>
        void seen.push(message),
    eachBatch:
      (seen) =>
      async ({ batch }) =>
        void seen.push(...batch.messages),
  }
  for (const [name, handler] of Object.entries(handlers)) {
    const reader = await owner()
    const consumer = decryptConsumer(kafka.consumer(), reader)
    const seen = []
    await consumer.subscribe({ topics: ['orders', /^orders$/] })
    await consumer.run({ [name]: handler(seen) })
    await consumer.disconnect()
    check(reader.health().status === 'ok', `${name}: the consumer is ${JSON.stringify(reader.health())}`)
    await reader.close()
    const values = seen.map(({ value }) => value.toString()).join()
    check(values === 'first,second', `${name} got "${values}"`)
    check(
      seen.every((message) => envelopeOf(message).cmkId === 'orders'),
      `${name}: no envelope`,
    )
  }
}

/** A keyring that is not there is known for what it is, and not taken for a KMS that does not answer. */
exports.missingKeyring = async ({ createEncryption }, { localKms }) => {
  const kms = { dev: localKms({ keyring: './missing.keyring' }) }
  const cmks = { orders: [{ kms: 'dev', id: 'orders' }] }
  const code = await createEncryption({ kms, cmks, topics }).then(
    () => 'none',
    (error) => error.code,
  )
  check(code === 'KEYRING_NOT_FOUND', `a missing keyring is ${code}`)
}

/** Seals under a CMK of Tencent Cloud KMS, by the vendor's SDK, against the emulator. */
exports.tencent = async (
  { createEncryption },
  { sealRecords, openRecords },
  { tencentKms },
  { startTencentKmsEmulator, EMULATOR_CREDENTIAL },
) => {
  const emulator = await startTencentKmsEmulator({ keys: [{ alias: 'orders' }] })
  const { secretId, secretKey } = EMULATOR_CREDENTIAL
  const [{ region, keyId }] = emulator.keys()
  const encryption = await createEncryption({
    kms: { tencent: tencentKms({ credentials: { secretId, secretKey }, endpoint: emulator.url }) },
    cmks: { orders: [{ kms: 'tencent', id: `${region}/${keyId}` }] },
    topics,
  })
  const [sealed] = await sealRecords(encryption, [{ topic: 'orders', value: 'value' }])
  encryption.evict(`${region}/${keyId}`)
  const [opened] = await openRecords(encryption, [sealed])
  check(opened.value.toString() === 'value', 'the record did not open')
  check(
    emulator.calls().some(({ action }) => action === 'Decrypt'),
    'the emulator was not asked',
  )
  await encryption.close()
  await emulator.close()
}

/** How `npx kafka-envelope kms-emulator` says that the emulator, which is a package of its own, is not installed. */
exports.emulatorIsMissing = () => {
  const { status, stdout, stderr } = spawnSync(
    'kafka-envelope',
    ['kms-emulator', '--port', '0', '--key', 'orders'],
    {
      encoding: 'utf8',
    },
  )
  check(status === 1 && stdout === '', `kms-emulator ended with ${status} and printed ${stdout}`)
  check(
    /^EMULATOR_MISSING: [^\n]*npm install --save-dev kafka-envelope-tencent-kms-emulator[^\n]*\n$/.test(
      stderr,
    ),
    `kms-emulator said ${stderr}`,
  )
}

/** `npx kafka-envelope kms-emulator` runs the emulator if it is installed, until a signal ends it. */
exports.emulatorRuns = async () => {
  const child = spawn('kafka-envelope', ['kms-emulator', '--key', 'orders'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(child.stdout, 'data')
  check(
    /^http:\/\/127\.0\.0\.1:\d+\t.*\torders=ap-guangzhou\//.test(String(line)),
    `kms-emulator printed ${line}`,
  )
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  check(code === 0, `kms-emulator ended with ${code}`)
}

/** How the provider says that pkcs11js is not installed. The answer comes from the thread, so its file was found. */
exports.pkcs11WithoutSdk = async ({ pkcs11Kms }) => {
  const kms = pkcs11Kms({ library: '/none.so', token: 'payments', pin: '1234' })
  const cmkId = 'pkcs11:token=payments;object=orders'
  const code = await kms.generateDek({ cmkId, context: {}, signal: new AbortController().signal }).then(
    () => 'none',
    (error) => `${error.code} ${error.message.includes('npm install pkcs11js')}`,
  )
  check(code === 'KMS_SDK_MISSING true', `without pkcs11js: ${code}`)
  await kms.close()
}

/** How the provider says that the SDK, which is optional, is not installed. */
exports.tencentWithoutSdk = async ({ tencentKms }) => {
  const kms = tencentKms({ credentials: { secretId: 'id', secretKey: 'key' } })
  const code = await kms.describe('ap-guangzhou/x', new AbortController().signal).then(
    () => 'none',
    (error) => error.code,
  )
  check(code === 'KMS_SDK_MISSING', `without the SDK: ${code}`)
  await kms.close()
}

/** The other providers: those over HTTP make a call that nothing answers, and that of AWS lacks its SDK. */
exports.otherKmses = async ({ awsKms }, { azureKms }, { gcpKms }, { vaultKms }) => {
  // Nothing listens there.
  const host = '127.0.0.1:1'
  const url = `http://${host}`
  const token = 'token'
  const scope = 'https://managedhsm.azure.net/.default'
  const providers = [
    ['KMS_SDK_MISSING', awsKms(), 'arn:aws:kms:eu-west-1:111122223333:key/x'],
    [
      'KMS_UNAVAILABLE',
      azureKms({
        credential: { getToken: async () => ({ token }) },
        hosts: { [host]: { type: 'managed-hsm', scope } },
      }),
      `${url}/keys/orders`,
    ],
    [
      'KMS_UNAVAILABLE',
      gcpKms({ accessToken: async () => token, endpoint: url }),
      'projects/acme-prod/locations/europe-west3/keyRings/kafka/cryptoKeys/orders',
    ],
    [
      'KMS_UNAVAILABLE',
      vaultKms({ address: url, name: 'transit.vault.example.com', auth: { method: 'token', token } }),
      'transit.vault.example.com/orders',
    ],
  ]
  for (const [expected, kms, cmkId] of providers) {
    const call = { cmkId, context: {}, signal: new AbortController().signal }
    const code = await kms.generateDek(call).then(
      () => 'none',
      (error) => error.code,
    )
    check(code === expected, `a call under ${cmkId}: ${code}`)
    await kms.close()
  }
}
