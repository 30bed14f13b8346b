import type { CanaryReport, Examination, Finding, Remark, Severity } from '../../operate/index.js'
import { printableText } from '../printable.js'

const TITLES: readonly (readonly [Severity, string])[] = [
  ['error', 'Errors'],
  ['warning', 'Warnings'],
  ['note', 'Notes'],
]

/** So many subjects are shown of those that have the same finding. */
const SHOWN = 5

/** What the doctor found, as text for a terminal. */
export function explainExamination(name: string, examination: Examination): string {
  const { findings, fine, unchecked, canary } = examination
  const lines = [
    `${printableText(name)}: ${summary(findings)}`,
    ...TITLES.flatMap(([severity, title]) => {
      const same = alike(findings.filter((finding) => finding.severity === severity))
      return section(title, same.flatMap(findingLines))
    }),
    ...(canary === undefined
      ? []
      : section(`Canary in topic ${printableText(canary.topic)}`, canaryLines(canary))),
    ...section('In order', remarkLines(fine)),
    ...section('Not checked', remarkLines(unchecked)),
  ]
  return `${lines.join('\n')}\n`
}

function summary(findings: readonly Finding[]): string {
  const counts = TITLES.map(([severity, title]) => {
    const count = findings.filter((finding) => finding.severity === severity).length
    return count === 1 ? `1 ${severity}` : `${count === 0 ? 'no' : String(count)} ${title.toLowerCase()}`
  })
  return counts.join(', ')
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)]
}

/** Findings that say the same of several subjects. */
function alike(findings: readonly Finding[]): (readonly [Finding, ...Finding[]])[] {
  const groups = new Map<string, [Finding, ...Finding[]]>()
  for (const finding of findings) {
    const key = JSON.stringify([finding.id, finding.what, finding.remedy])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [finding])
    else group.push(finding)
  }
  return [...groups.values()]
}

function findingLines(same: readonly [Finding, ...Finding[]]): string[] {
  const [{ id, what, remedy }] = same
  const subjects = same.slice(0, SHOWN).map(({ subject }) => subject)
  const more = same.length > SHOWN ? ` and ${String(same.length - SHOWN)} more` : ''
  return [
    `${printableText(subjects.join(', '))}${more} [${id}]`,
    `  ${printableText(what)}`,
    `  -> ${printableText(remedy)}`,
  ]
}

function canaryLines({ partition, offset, steps }: CanaryReport): string[] {
  const width = Math.max(...steps.map(({ step }) => step.length))
  const place = partition === undefined ? [] : [`partition ${String(partition)}, offset ${String(offset)}`]
  return [
    ...place,
    ...steps.map(({ step, ok, ms }) => `${step.padEnd(width)}  ${ok ? 'ok' : 'failed'}, ${String(ms)} ms`),
  ]
}

/** The area stands in the first line of those that have it. */
function remarkLines(remarks: readonly Remark[]): string[] {
  const width = Math.max(0, ...remarks.map(({ area }) => area.length))
  return remarks.map(({ area, text }, at) => {
    const isFirst = remarks[at - 1]?.area !== area
    return `${(isFirst ? area : '').padEnd(width)}  ${printableText(text)}`
  })
}
