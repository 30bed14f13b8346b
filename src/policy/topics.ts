/**
 * Topic patterns: exact names, or globs for the whole name. In a glob, `*` matches any run of characters, even an empty
 * one; a dot is a dot.
 */

export function isGlob(pattern: string): boolean {
  return pattern.includes('*')
}

/** Whether a topic matches. Linear in the topic's length for one `*`, never exponential. */
export function matches(pattern: string, topic: string): boolean {
  const parts = pattern.split('*')
  const first = parts[0] ?? ''
  if (parts.length === 1) return pattern === topic
  const last = parts.at(-1) ?? ''
  if (topic.length < first.length + last.length) return false
  if (!topic.startsWith(first) || !topic.endsWith(last)) return false
  // Matching each middle part at its leftmost place leaves the most room for the rest.
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = topic.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return at <= topic.length - last.length
}

/** The text of a glob before its first `*`, and after its last. */
export function endsOf(glob: string): { readonly prefix: string; readonly suffix: string } {
  return { prefix: glob.slice(0, glob.indexOf('*')), suffix: glob.slice(glob.lastIndexOf('*') + 1) }
}

/** Globs with the same prefix, by suffix, and the lengths of all suffixes. */
class Bucket<R> {
  readonly #bySuffix = new Map<string, { readonly pattern: string; readonly rule: R }[]>()
  readonly #lengths = new Set<number>()

  add(suffix: string, pattern: string, rule: R): void {
    const globs = this.#bySuffix.get(suffix)
    if (globs) globs.push({ pattern, rule })
    else this.#bySuffix.set(suffix, [{ pattern, rule }])
    this.#lengths.add(suffix.length)
  }

  find(topic: string): R | undefined {
    for (const length of this.#lengths) {
      const globs = length <= topic.length && this.#bySuffix.get(topic.slice(topic.length - length))
      const found = globs && globs.find(({ pattern }) => matches(pattern, topic))
      if (found) return found.rule
    }
    return undefined
  }
}

/**
 * Finds the one rule of a topic: an exact name beats a glob. The time of a topic's first look-up grows with the number
 * of different lengths of prefixes and suffixes, not with the number of globs. Globs with the same prefix and suffix,
 * which belong to one rule, are tried one by one.
 */
export class TopicIndex<R> {
  readonly #exact = new Map<string, R>()
  readonly #byPrefix = new Map<string, Bucket<R>>()
  readonly #lengths = new Set<number>()
  readonly #found = new Map<string, R | undefined>()

  constructor(rules: readonly R[], patternsOf: (rule: R) => readonly string[]) {
    for (const rule of rules) {
      for (const pattern of patternsOf(rule)) {
        if (isGlob(pattern)) this.#add(pattern, rule)
        else this.#exact.set(pattern, rule)
      }
    }
  }

  find(topic: string): R | undefined {
    const exact = this.#exact.get(topic)
    if (exact !== undefined || this.#found.has(topic)) return exact ?? this.#found.get(topic)
    const rule = this.#ofGlobs(topic)
    // Topic names come from the application and the cluster; the limit only guards against a loop over made-up names.
    if (this.#found.size < 10_000) this.#found.set(topic, rule)
    return rule
  }

  #add(pattern: string, rule: R): void {
    const { prefix, suffix } = endsOf(pattern)
    const bucket = this.#byPrefix.get(prefix) ?? new Bucket<R>()
    this.#byPrefix.set(prefix, bucket)
    bucket.add(suffix, pattern, rule)
    this.#lengths.add(prefix.length)
  }

  #ofGlobs(topic: string): R | undefined {
    for (const length of this.#lengths) {
      const found =
        length <= topic.length ? this.#byPrefix.get(topic.slice(0, length))?.find(topic) : undefined
      if (found !== undefined) return found
    }
    return undefined
  }
}
