import { expect, it } from 'vitest'
import type { EncryptionConfig } from '../../src/index.js'
import { checkConfig } from '../../src/config/check.js'
import { MemoryKms } from '../support/memory-kms.js'

it('names with a special meaning in JavaScript are refused, not dropped', () => {
  const config: EncryptionConfig = {
    kms: { dev: new MemoryKms() },
    cmks: { main: [{ kms: 'dev', id: 'x' }] },
    topics: [{ match: ['a'], decrypt: { cmk: 'main', require: { context: { prototype: 'must' } } } }],
  }
  expect(() => checkConfig(config)).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      issues: [
        { path: 'topics[0].decrypt.require.context.prototype', message: 'this name cannot be used here' },
      ],
    }),
  )
})
