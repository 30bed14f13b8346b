import type { Case, Figure } from './harness/result.js'

/** A case for a terminal: a line for each figure, with its quartiles. */
export function table({ part, name, parameters, figures }: Case): string {
  const width = 2 + Math.max(...figures.map(({ contender }) => contender.length))
  const title = `\n${part}: ${name} (${listed(parameters)})`
  return [title, ...figures.map((figure) => line(figure, width))].join('\n')
}

export function listed(parameters: Case['parameters']): string {
  return Object.entries(parameters)
    .map(([parameter, value]) => `${parameter} ${value.toLocaleString('en')}`)
    .join(', ')
}

function line(figure: Figure, width: number): string {
  const { contender, metric, against, median, lowerQuartile, upperQuartile } = figure
  const what = against === undefined ? metric : `${metric} to ${against}`
  const between = `${rounded(lowerQuartile)} to ${rounded(upperQuartile)}`
  return `  ${contender.padEnd(width)}${what.padEnd(46)}${rounded(median).padStart(11)}   (${between})`
}

/** Three digits that count; whole numbers keep all of theirs. */
export function rounded(number: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(number) || 1)))
  return number.toLocaleString('en', { maximumFractionDigits: Math.min(digits, 3) })
}
