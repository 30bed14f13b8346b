import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as conventions from '@opentelemetry/semantic-conventions/incubating'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { telemetry, type Measured, type Telemetry } from '../../support/telemetry.js'
import { exposed, parsed } from './promql.js'
import { everything } from './scenario.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const doc = (name: string): Promise<string> => readFile(join(root, 'docs', name), 'utf8')

let seen: Telemetry
let created: string[]
let topics: string[]
let measured: readonly Measured[]
let metrics: ReadonlyMap<string, ReadonlySet<string>>
let operations: string

beforeAll(async () => {
  seen = telemetry()
  ;({ created, topics } = await everything(seen))
  measured = await seen.measured()
  metrics = exposed(await seen.exposition())
  operations = await doc('operations.md')
}, 120_000)
afterAll(() => seen.end())

/** The rows of a table, cell by cell, by its first column's heading. */
function table(heading: string): string[][] {
  const lines = operations.split('\n')
  const at = lines.findIndex((line) => line.startsWith(`| ${heading} `))
  const rows: string[][] = []
  for (const line of lines.slice(at + 2)) {
    if (!line.startsWith('|')) break
    rows.push(
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
  }
  return rows
}
const words = (cell: string): string[] => [...cell.matchAll(/`([^`]*)`/g)].map(([, word = '']) => word)

describe('docs/operations.md', () => {
  it('docs/operations.md lists every instrument with its type, unit and attributes, and no other', () => {
    const documented = table('name').map(([name = '', kind, unit = '', attributes = '']) => ({
      name: words(name)[0],
      kind,
      unit: words(unit)[0],
      attributes: words(attributes).sort(),
    }))
    const real = measured.map(({ name, kind, unit, attributes }) => ({
      name,
      kind,
      unit,
      attributes: [...new Set(attributes.flatMap((point) => Object.keys(point)))].sort(),
    }))
    const byName = (a: { name: string | undefined }, b: { name: string | undefined }): number =>
      (a.name ?? '').localeCompare(b.name ?? '')
    expect(real.map(({ name }) => name).sort()).toEqual([...created].sort())
    expect(documented.sort(byName)).toEqual(real.sort(byName))
  })

  it('docs/operations.md lists every attribute and, if they are few, every value', () => {
    const documented = new Map(
      table('attribute').flatMap(([names = '', values = '']) =>
        words(names).map((name) => [name, words(values)]),
      ),
    )
    const points = measured.flatMap(({ attributes }) => attributes)
    expect([...documented.keys()].sort()).toEqual(
      [...new Set(points.flatMap((point) => Object.keys(point)))].sort(),
    )
    for (const point of points) {
      for (const [name, value] of Object.entries(point)) {
        if (name.startsWith('kafka_envelope.') && documented.get(name)?.length) {
          expect(documented.get(name), name).toContain(value)
        }
      }
    }
  })

  it('docs/operations.md names metrics and labels only as Prometheus is told them', () => {
    const labels = new Set([...metrics.values()].flatMap((names) => [...names]))
    const named = [...operations.matchAll(/\bkafka_envelope_\w+/g)].map(([name]) => name)
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((name) => !metrics.has(name) && !labels.has(name))).toEqual([])
  })

  it('docs/operations.md has only queries that promtool runs, for metrics that exist', async () => {
    const plain = (text: string): string => text.replaceAll(/\s+/g, ' ').trim()
    const queries = [...operations.matchAll(/^```promql\n(.*?)^```/gms)].map(([, query = '']) => plain(query))
    const tested = plain(await readFile(join(root, 'test/alerts/questions.yml'), 'utf8'))
    expect(queries).toHaveLength(4)
    for (const query of queries) {
      expectAnswerable(query)
      expect(tested).toContain(`expr: ${query}`)
    }
  })

  it('docs/operations.md links only to files and headings that exist', async () => {
    const links = [...operations.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)]
    expect(links.length).toBeGreaterThan(20)
    for (const [, file = '', anchor] of links) {
      const text = file === '' ? operations : await readFile(join(root, 'docs', file), 'utf8')
      if (anchor !== undefined) expect(anchors(text), `${file}#${anchor}`).toContain(anchor)
    }
  })
})

/** As GitHub makes them of headings. */
function anchors(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
}

it('attributes are those of the semantic conventions or ours, and do not describe single records', () => {
  const known = new Set<unknown>(Object.values(conventions))
  const points = measured.flatMap(({ attributes }) => attributes)
  const spans = seen.spans().map(({ attributes }) => attributes)
  expect(spans.length).toBeGreaterThan(5)
  for (const attributes of [...points, ...spans]) {
    for (const [name, value] of Object.entries(attributes)) {
      if (!name.startsWith('kafka_envelope.')) expect(known, name).toContain(name)
      const text = topics.reduce((rest, topic) => rest.replace(topic, ''), String(value))
      expect(text).not.toMatch(/\d{2}|[0-9a-f]{8}|key-of-a-record/)
    }
  }
})

/** Asserts that a query asks for what is there. */
function expectAnswerable(
  promql: string,
  recorded: ReadonlyMap<string, ReadonlySet<string>> = new Map(),
): string[] {
  const known = new Map([...metrics, ...recorded])
  const query = parsed(promql)
  expect(query.metrics.length, promql).toBeGreaterThan(0)
  for (const name of query.metrics) expect([...known.keys()], promql).toContain(name)
  const labels = new Set([
    'job',
    'instance',
    ...query.metrics.flatMap((name) => [...(known.get(name) ?? [])]),
  ])
  for (const label of query.labels) expect([...labels], promql).toContain(label)
  return [...query.metrics]
}

interface Recording {
  readonly record: string
  readonly expr: string
}
interface Alert {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly runbook: string }
}

describe('docs/alerts.yml', () => {
  let recordings: Recording[]
  let rules: Alert[]
  beforeAll(async () => {
    const { groups } = parse(await doc('alerts.yml')) as { groups: { rules: (Recording | Alert)[] }[] }
    const all = groups.flatMap((group) => group.rules)
    recordings = all.filter((rule) => 'record' in rule)
    rules = all.filter((rule) => 'alert' in rule)
  })

  it('docs/alerts.yml uses only metrics and labels that exist, in PromQL and in texts', () => {
    expect(rules.length).toBeGreaterThan(10)
    const recorded = new Map([['ALERTS', new Set(['alertname', 'alertstate'])]])
    for (const { record, expr } of recordings) {
      const [counter = ''] = expectAnswerable(expr)
      recorded.set(record, new Set(metrics.get(counter)))
    }
    for (const { expr, annotations } of rules) {
      expectAnswerable(expr, recorded)
      for (const [, label = ''] of annotations.summary.matchAll(/\$labels\.(\w+)/g)) {
        expect(parsed(expr).labels).toContain(label)
      }
    }
  })

  it('docs/alerts.yml has tests for each alert that promtool runs, and each recording is used by one', async () => {
    const folder = join(root, 'test/alerts')
    const tests = await Promise.all(
      (await readdir(folder)).map((file) => readFile(join(folder, file), 'utf8')),
    )
    for (const { alert } of rules) expect(tests.join('\n')).toContain(alert)
    for (const { record } of recordings) expect(rules.map(({ expr }) => expr).join('\n')).toContain(record)
  })

  it('each alert of docs/alerts.yml has a row and a section in operations.md, which says what it means and what to do', () => {
    const rows = table('alert').map(([name = '', , severity]) => [/\[(\w+)\]/.exec(name)?.[1], severity])
    expect(rows).toEqual(expect.arrayContaining(rules.map(({ alert, labels }) => [alert, labels.severity])))
    expect(rows).toHaveLength(rules.length)
    for (const { alert, annotations } of rules) {
      expect(annotations.runbook).toBe(`docs/operations.md#${alert.toLowerCase()}`)
      const section = operations.split(`\n### ${alert}\n`)[1]?.split('\n#')[0] ?? ''
      expect(section, alert).toMatch(/\*\*Means\.\*\*.*|Do as under/)
      expect(section, alert).toMatch(/^1\. |Do as under \[/m)
    }
  })
})

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly datasource?: unknown
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string; readonly datasource: unknown }[]
}
interface Dashboard {
  readonly panels: readonly Panel[]
  readonly templating: {
    readonly list: readonly {
      readonly name: string
      readonly type: string
      readonly query: string | { query: string }
    }[]
  }
}

describe('docs/grafana-dashboard.json', () => {
  let dashboard: Dashboard
  beforeAll(async () => {
    dashboard = JSON.parse(await doc('grafana-dashboard.json')) as Dashboard
  })

  it('docs/grafana-dashboard.json uses only metrics and labels that exist, and shows every instrument', () => {
    const shown = dashboard.panels.flatMap(({ targets = [] }) =>
      targets.flatMap(({ expr }) => expectAnswerable(expr.replaceAll('$__rate_interval', '5m'))),
    )
    const plain = (name: string): string => name.replaceAll('.', '_')
    expect(created.filter((name) => !shown.some((metric) => metric.startsWith(plain(name))))).toEqual([])
    for (const { type, query } of dashboard.templating.list) {
      if (type !== 'query' || typeof query === 'string') continue
      const [, metric = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(query.query) ?? []
      expectAnswerable(metric)
      expect(['job', ...(metrics.get('kafka_envelope_dek_count') ?? [])]).toContain(label)
    }
  })

  it('docs/grafana-dashboard.json defines the variables that it uses, lets users select the source, and has no overlapping panels', () => {
    const text = JSON.stringify(dashboard.panels)
    const variables = dashboard.templating.list.map(({ name }) => name)
    const used = [...text.matchAll(/\$\{?([a-z]\w*)/g)].map(([, name]) => name)
    expect(new Set(used)).toEqual(new Set(variables))
    const source = { type: 'prometheus', uid: '${datasource}' }
    const { panels } = dashboard
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const cells = new Set<string>()
    for (const { type, title, datasource, targets = [], gridPos } of panels) {
      if (type !== 'row')
        expect([datasource, ...targets.map((target) => target.datasource)]).toEqual([
          source,
          ...targets.map(() => source),
        ])
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          const cell = `${String(x)},${String(y)}`
          expect(cells.has(cell), title).toBe(false)
          cells.add(cell)
        }
      }
    }
  })
})
