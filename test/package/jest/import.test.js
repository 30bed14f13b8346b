test('every entry is imported', () => {
  const entries = [
    '',
    '/kafkajs',
    '/kafkajs/testing',
    '/record',
    '/config-file',
    '/kms/local',
    '/kms/tencent',
    '/kms/aws',
    '/kms/gcp',
    '/kms/azure',
    '/kms/vault',
    '/kms/pkcs11',
    '/audit',
    '/operate',
    '/kms/memory',
  ].map((entry) => require(`kafka-envelope${entry}`))
  for (const entry of entries) expect(Object.keys(entry)).not.toEqual([])
  // Jest reports what it cannot collect. Something of an application keeps the entries; this timer is not reported itself.
  setTimeout(() => entries, 3_600_000).unref()
})
