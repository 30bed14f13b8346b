import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { nodeEngine, type Engine } from '../../src/crypto/engine.js'
import { dekVector, openDekVector, type DekVector } from './dek-vectors.js'
import { openRuleVector, ruleVector, type RuleVector } from './rule-vectors.js'
import type { Outcome } from './vector.js'

/** Test vectors of both kinds, as `docs/format.md` describes them. */
const vectorFile = v.array(v.union([ruleVector, dekVector]))

export type Vector = DekVector | RuleVector

/** @throws ValiError if the text is not a file of vectors */
export function parseVectors(text: string): Vector[] {
  return v.parse(vectorFile, JSON.parse(text))
}

/** Tries a file. Returns a line for each disagreement, or one that says why the file cannot be read. */
export interface Tried {
  readonly readable: boolean
  readonly count: number
  readonly lines: readonly string[]
}

/** @param engine that opens vectors of DEKs */
export async function tryVectors(file: string, engine: Engine = nodeEngine): Promise<Tried> {
  let vectors: Vector[]
  try {
    vectors = parseVectors(await readFile(file, 'utf8'))
  } catch (error) {
    return { readable: false, count: 0, lines: [`${file}: cannot be read: ${said(error)}`] }
  }
  const lines: string[] = []
  for (const vector of vectors) {
    const expected = vector.error ?? 'to open'
    try {
      const got = await openVector(vector, engine)
      if (got.plaintext === vector.plaintext && got.error === vector.error) continue
      const instead = got.error ?? (vector.error === null ? 'another plaintext' : 'a plaintext')
      lines.push(`${file}: ${vector.name}: expected ${expected}, got ${instead}`)
    } catch (error) {
      lines.push(`${file}: ${vector.name}: expected ${expected}, but the opener threw: ${said(error)}`)
    }
  }
  return { readable: true, count: vectors.length, lines }
}

/** Opens a vector with the library. */
function openVector(vector: Vector, engine: Engine): Promise<Outcome> {
  return 'keyring' in vector ? openRuleVector(vector) : openDekVector(vector, engine)
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
