import { expect, it } from 'vitest'
import { figureOver, type Case } from '../../bench/harness/result.js'
import { secretsTable } from '../../bench/pages/secrets-table.js'

function measured(valueBytes: number, ways: readonly string[]): Case {
  return {
    part: 'secrets',
    name: 'one value',
    parameters: { valueBytes, kmsMilliseconds: 20 },
    rounds: 3,
    figures: ways.flatMap((way) => [
      figureOver(way, 'encryptMilliseconds', [20, 24, 28]),
      figureOver(way, 'decryptMilliseconds', [20, 21, 22]),
      figureOver(way, 'kmsCallsToEncrypt', [1]),
      figureOver(way, 'kmsCallsToDecrypt', [0]),
      figureOver(way, 'storedBytes', [323]),
    ]),
  }
}

it('the table of secrets has a row for each size and way, and says which way refuses a size', () => {
  const envelopes = ['envelope, new DEK', 'envelope, DEK in use']
  const cells = '24 (22 to 26) | 21 (20.5 to 21.5) | 1 + 0 | 323'
  expect(
    secretsTable([measured(64, ['secret', ...envelopes]), measured(4097, envelopes)]).split('\n'),
  ).toEqual([
    '| value bytes |  | encrypt, ms | decrypt, ms | KMS calls | stored bytes |',
    '| ---: | --- | ---: | ---: | ---: | ---: |',
    `| 64 | secret | ${cells} |`,
    `| 64 | envelope, new DEK | ${cells} |`,
    `| 64 | envelope, DEK in use | ${cells} |`,
    '| 4,097 | secret | refused |  |  |  |',
    `| 4,097 | envelope, new DEK | ${cells} |`,
    `| 4,097 | envelope, DEK in use | ${cells} |`,
  ])
})
