/** Environment variables, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>

export interface Substituted {
  readonly text: string
  /** A message for each reference that cannot be resolved. */
  readonly mistakes: readonly string[]
  /** Variables that begin or end with white space or a line break, which is rarely intended and hard to see. */
  readonly padded: readonly string[]
}

/**
 * Replaces `${NAME}` by the variable NAME, once: references in its value are not replaced. `$${` is the text `${`. An
 * empty variable counts as not set: an id with a hole in it would be worse than an error.
 */
export function substitute(template: string, env: Environment): Substituted {
  const mistakes: string[] = []
  const padded = new Set<string>()
  const text = template.replaceAll(
    /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{/g,
    (found, name: string | undefined) => {
      if (found === '$${') return '${'
      if (name === undefined) {
        mistakes.push('expected ${NAME}, an environment variable; write $${ for a literal ${')
        return found
      }
      const value = Object.hasOwn(env, name) ? env[name] : undefined
      if (value === undefined || value === '') {
        mistakes.push(`environment variable ${name} is ${value === '' ? 'empty' : 'not set'}`)
      }
      if (value !== undefined && value !== value.trim()) padded.add(name)
      return value ?? ''
    },
  )
  return { text, mistakes, padded: [...padded] }
}
