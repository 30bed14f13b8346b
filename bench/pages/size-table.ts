import type { Case } from '../harness/result.js'
import { rounded } from '../table.js'

/** The kind of values in the name of a case of the part `size`, and what was done to them. */
export function kindAndWay({ name }: Case): [kind: string, way: string] {
  const [kind = '', way = ''] = name.split(': ')
  return [kind, way]
}

/** A row for each way, a column for each size of a batch: bytes a record, and in brackets how many times plain. */
export function sizeTable(cases: readonly Case[]): string {
  const batches = [...new Set(cases.map(batchOf))]
  const rows = new Map<string, string[]>()
  for (const one of cases) {
    for (const contender of new Set(one.figures.map((figure) => figure.contender))) {
      const cells = rows.get(rowOf(one, contender)) ?? batches.map(() => '')
      cells[batches.indexOf(batchOf(one))] = cellOf(one, contender)
      rows.set(rowOf(one, contender), cells)
    }
  }
  const head = ['Bytes a record, × plain', ...batches.map((batch) => `batches of ${rounded(batch)}`)]
  const rule = ['---', ...batches.map(() => '---:')]
  return [head, rule, ...[...rows].map(([name, cells]) => [name, ...cells])]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n')
}

function batchOf({ parameters }: Case): number {
  return parameters['batch'] ?? NaN
}

/** Plain stands in every case, and is the same in all. */
function rowOf(one: Case, contender: string): string {
  const [, way] = kindAndWay(one)
  return contender === 'plain' ? 'plain, gzip over the batch' : `${way} (${contender})`
}

function cellOf({ figures }: Case, contender: string): string {
  const own = figures.filter((figure) => figure.contender === contender)
  const bytes = own.find(({ metric }) => metric === 'bytesPerRecord')
  const ratio = own.find(({ metric }) => metric === 'sizeRatio')
  if (bytes === undefined) return ''
  return ratio === undefined ? rounded(bytes.median) : `${rounded(bytes.median)} (${rounded(ratio.median)})`
}
