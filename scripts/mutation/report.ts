/*
 * Reads Stryker's report, writes scores and survivors into docs/testing.md, and exits non-zero where a
 * folder is under the threshold or a survivor has no reason in reasons.json.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { format, resolveConfig } from 'prettier'

interface Position {
  readonly line: number
  readonly column: number
}

interface Report {
  readonly framework: { readonly version: string }
  readonly files: Readonly<
    Record<
      string,
      {
        readonly source: string
        readonly mutants: readonly {
          readonly status: string
          readonly mutatorName: string
          readonly replacement: string
          readonly location: { readonly start: Position; readonly end: Position }
        }[]
      }
    >
  >
}

/** Survivors that are accepted for one reason. */
interface Reason {
  readonly reason: string
  /** `file | mutator | code | what it became`, white space as one space. */
  readonly mutants: readonly string[]
}

const THRESHOLD = 85
const FOLDERS = ['envelope', 'crypto', 'keys', 'record']
const REPORT = 'reports/mutation/mutation.json'
const PAGE = 'docs/testing.md'

const report = JSON.parse(readFileSync(REPORT, 'utf8')) as Report
const reasons = JSON.parse(readFileSync('scripts/mutation/reasons.json', 'utf8')) as Reason[]
const reasonOf = new Map(reasons.flatMap(({ reason, mutants }) => mutants.map((name) => [name, reason])))

const mutants = Object.entries(report.files).flatMap(([file, { source, mutants }]) =>
  mutants.map(({ status, mutatorName, replacement, location: { start, end } }) => {
    const oneLine = (code: string): string => code.replace(/\s+/g, ' ')
    const lines = source.split('\n').slice(start.line - 1, end.line)
    const last = lines.pop()?.slice(0, end.column - 1) ?? ''
    const code = oneLine([...lines, last].join('\n').slice(start.column - 1))
    const change = `${code} | ${oneLine(replacement)}`
    return {
      status,
      file,
      line: start.line,
      code,
      became: oneLine(replacement),
      name: `${file} | ${mutatorName} | ${change}`,
    }
  }),
)
type Mutant = (typeof mutants)[number]

const found = (all: readonly Mutant[], ...statuses: string[]): Mutant[] =>
  all.filter(({ status }) => statuses.includes(status))

const problems: string[] = []
const row = (name: string, all: readonly Mutant[]): string[] => {
  const detected = found(all, 'Killed', 'Timeout').length
  const missed = found(all, 'Survived', 'NoCoverage').length
  const score = (100 * detected) / (detected + missed)
  if (!(score >= THRESHOLD)) problems.push(`${name}: ${score.toFixed(1)} % is under ${String(THRESHOLD)} %`)
  return [name, String(detected + missed), String(detected), String(missed), `${score.toFixed(1)} %`]
}
const scores = [
  ...FOLDERS.map((folder) =>
    row(
      `\`${folder}/\``,
      mutants.filter(({ file }) => file.startsWith(`src/${folder}/`)),
    ),
  ),
  row('all', mutants),
]

const survivors = found(mutants, 'Survived', 'NoCoverage')
const names = new Set(survivors.map(({ name }) => name))
for (const name of names) if (!reasonOf.has(name)) problems.push(`no reason: ${name}`)
for (const name of reasonOf.keys()) if (!names.has(name)) console.warn(`did not survive: ${name}`)

const cell = (code: string): string => {
  const short = code.length > 90 ? `${code.slice(0, 89)}…` : code
  const fence = short.includes('`') ? '``' : '`'
  return `${fence} ${short.replaceAll('|', '\\|')} ${fence}`
}
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

const generated = `<!-- mutation: begin -->

${statSync(REPORT).mtime.toISOString().slice(0, 10)}, Stryker ${report.framework.version}, Node.js ${process.versions.node}:

${table(['folder', 'mutants', 'killed', 'not killed', 'score'], scores)}

${table(
  ['where', 'code', 'mutant', 'why it lives'],
  survivors.map(({ file, line, code, became, name }) => [
    `${file.slice('src/'.length)}:${String(line)}`,
    cell(code),
    cell(became),
    reasonOf.get(name) ?? '**no reason yet**',
  ]),
)}

<!-- mutation: end -->`

const page = readFileSync(PAGE, 'utf8').replace(
  /<!-- mutation: begin -->.*<!-- mutation: end -->/s,
  () => generated,
)
writeFileSync(PAGE, await format(page, { ...(await resolveConfig(PAGE)), parser: 'markdown' }))
console.log(scores.map((cells) => cells.join('\t')).join('\n'))
for (const problem of problems) console.error(problem)
process.exitCode = problems.length > 0 ? 1 : 0
