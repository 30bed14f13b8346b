import type { Case, Figure, Metric } from '../harness/result.js'
import { rounded } from '../table.js'

const WAYS = ['secret', 'envelope, new DEK', 'envelope, DEK in use']

/** A row for each size and way. A size for which a way has no figures is too large for it. */
export function secretsTable(cases: readonly Case[]): string {
  const rows = cases.flatMap(({ parameters, figures }) =>
    WAYS.map((way) => [
      rounded(parameters['valueBytes'] ?? NaN),
      way,
      ...cellsOf(figures.filter(({ contender }) => contender === way)),
    ]),
  )
  const head = ['value bytes', '', 'encrypt, ms', 'decrypt, ms', 'KMS calls', 'stored bytes']
  const rule = ['---:', '---', '---:', '---:', '---:', '---:']
  return [head, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

function cellsOf(figures: readonly Figure[]): string[] {
  if (figures.length === 0) return ['refused', '', '', '']
  const of = (metric: Metric): Figure => {
    const found = figures.find((figure) => figure.metric === metric)
    if (found === undefined) throw new Error(`the results have no ${metric}`)
    return found
  }
  return [
    spread(of('encryptMilliseconds')),
    spread(of('decryptMilliseconds')),
    `${rounded(of('kmsCallsToEncrypt').median)} + ${rounded(of('kmsCallsToDecrypt').median)}`,
    rounded(of('storedBytes').median),
  ]
}

function spread({ median, lowerQuartile, upperQuartile }: Figure): string {
  return `${rounded(median)} (${rounded(lowerQuartile)} to ${rounded(upperQuartile)})`
}
