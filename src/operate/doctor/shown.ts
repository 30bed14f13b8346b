/** So many names are shown of a list. */
const SHOWN = 5

/** A list for people. */
export function shown(names: readonly string[]): string {
  const more = names.length - SHOWN
  return more > 0 ? `${names.slice(0, SHOWN).join(', ')} and ${String(more)} more` : names.join(', ')
}
