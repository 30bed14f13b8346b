/**
 * Topic patterns: exact names, or globs over the whole name in which `*` is any run of characters
 * (also none) and a dot is a dot.
 */

export function isGlob(pattern: string): boolean {
  return pattern.includes('*')
}

/** What tells whether a topic matches; linear in the topic's length for one `*`, never exponential. */
export function matches(pattern: string, topic: string): boolean {
  const parts = pattern.split('*')
  const first = parts[0] ?? ''
  if (parts.length === 1) return pattern === topic
  const last = parts.at(-1) ?? ''
  if (topic.length < first.length + last.length) return false
  if (!topic.startsWith(first) || !topic.endsWith(last)) return false
  // Each middle part at its leftmost place leaves the most room for the rest.
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = topic.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return at <= topic.length - last.length
}

/** Whether some topic matches both patterns. */
export function overlap(a: string, b: string): boolean {
  // meets[j]: whether a[i..] and b[j..] have a name in common; rows from the end of `a` backwards.
  let below: boolean[] = []
  for (let i = a.length; i >= 0; i--) {
    const row: boolean[] = []
    for (let j = b.length; j >= 0; j--) {
      const inA = a[i]
      const inB = b[j]
      if (inA === undefined && inB === undefined) row[j] = true
      else if (inA === '*') row[j] = (below[j] ?? false) || (inB !== undefined && (row[j + 1] ?? false))
      else if (inB === '*') row[j] = (row[j + 1] ?? false) || (inA !== undefined && (below[j] ?? false))
      else row[j] = inA !== undefined && inA === inB && (below[j + 1] ?? false)
    }
    below = row
  }
  return below[0] ?? false
}

/** Finds the one rule of a topic: an exact name beats a glob. */
export class TopicIndex<R> {
  readonly #exact = new Map<string, R>()
  readonly #globs: { readonly pattern: string; readonly rule: R }[] = []
  readonly #found = new Map<string, R | undefined>()

  constructor(rules: readonly R[], patternsOf: (rule: R) => readonly string[]) {
    for (const rule of rules) {
      for (const pattern of patternsOf(rule)) {
        if (isGlob(pattern)) this.#globs.push({ pattern, rule })
        else this.#exact.set(pattern, rule)
      }
    }
  }

  find(topic: string): R | undefined {
    const exact = this.#exact.get(topic)
    if (exact !== undefined || this.#found.has(topic)) return exact ?? this.#found.get(topic)
    const rule = this.#globs.find(({ pattern }) => matches(pattern, topic))?.rule
    // Topic names come from the application and the cluster; the bound only guards against a loop over made-up names.
    if (this.#found.size < 10_000) this.#found.set(topic, rule)
    return rule
  }
}
