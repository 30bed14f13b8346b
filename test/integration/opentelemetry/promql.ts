import { parser } from '@prometheus-io/lezer-promql'

/** The metrics of a query by name, each with the labels that it is selected or grouped by. */
export interface Query {
  readonly metrics: readonly string[]
  readonly labels: readonly string[]
}

/** @throws if it is not PromQL */
export function parsed(promql: string): Query {
  const metrics: string[] = []
  const labels: string[] = []
  parser.parse(promql).iterate({
    enter: ({ name, type, from, to }) => {
      if (type.isError) throw new Error(`no PromQL at ${String(from)}: ${promql}`)
      const text = promql.slice(from, to)
      if (name === 'Identifier') metrics.push(text)
      if (name === 'LabelName') labels.push(text)
    },
  })
  return { metrics, labels }
}

/** The names of metrics and of their labels in a text for Prometheus. */
export function exposed(exposition: string): ReadonlyMap<string, ReadonlySet<string>> {
  const byName = new Map<string, Set<string>>()
  for (const [, name = '', labels = ''] of exposition.matchAll(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$/gm)) {
    const known = byName.get(name) ?? new Set()
    byName.set(name, known)
    for (const [, label = ''] of labels.matchAll(/(?:^|,)(\w+)="(?:[^"\\]|\\.)*"/g)) known.add(label)
  }
  return byName
}
