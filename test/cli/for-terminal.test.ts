import { expect, it } from 'vitest'
import { forTerminal } from '../../src/cli/for-terminal.js'

const terminal = { isTTY: true, columns: 40 }

it('prose is wrapped at the width of a terminal, and goes on below where it began', () => {
  const text = `short
  1 readers  over  the rule accepts plaintext
    -> Run the command again in a week or so, please
`
  expect(forTerminal(text, terminal)).toBe(`short
  1 readers  over  the rule accepts
                   plaintext
    -> Run the command again in a week
       or so, please
`)
})

it('a command between backquotes stays in one line, and so does a row of a table', () => {
  const row = `  0  ${'x'.repeat(30)}  2026-11-29T07:16:50Z`
  const text = `Say \`npx kafka-envelope cutover topic --write\` then\n${row}\n`
  expect(forTerminal(text, terminal)).toBe(
    `Say\n\`npx kafka-envelope cutover topic --write\`\nthen\n${row}\n`,
  )
})

it('in a pipe, a line stays a line', () => {
  const text = 'many words '.repeat(20)
  expect(forTerminal(text, { isTTY: false, columns: 40 })).toBe(text)
})
