test('every entry is imported', () => {
  for (const entry of ['', '/record', '/config', '/kms/local', '/kms/tencent', '/testing']) {
    expect(Object.keys(require(`kafka-envelope${entry}`))).not.toEqual([])
  }
})
