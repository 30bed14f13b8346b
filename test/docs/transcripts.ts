import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A command of a page, and what it prints. */
export interface Transcript {
  /** What follows `npx kafka-envelope`. */
  readonly args: readonly string[]
  /** A line `…` stands for any lines. */
  readonly output: RegExp
}

/** The transcripts of `npx kafka-envelope <command>` in a page of `docs/`. */
export function transcriptsOf(page: string, command: string): Transcript[] {
  const text = readFileSync(fileURLToPath(new URL(`../../docs/${page}`, import.meta.url)), 'utf8')
  return [...text.matchAll(/^```console\n\$ npx kafka-envelope ([^\n]*)\n(.*?)^```/gms)]
    .map(([, line = '', output = '']) => ({ args: line.split(' '), output: patternOf(output) }))
    .filter(({ args }) => args[0] === command)
}

function patternOf(output: string): RegExp {
  const parts = output.split(/^…\n/m).map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
  return new RegExp(`^${parts.join('(?:.*\\n)*')}$`)
}
