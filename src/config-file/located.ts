import type { ConfigIssue } from '../errors.js'
import { ROOT } from '../config/paths.js'
import type { Reader } from './reader.js'

/** Adds the place of the member or, if it is missing, of the nearest member around it. */
export function located(issue: ConfigIssue, places: Reader['places']): ConfigIssue {
  for (let path = issue.path; ;) {
    const place = places.get(path)
    if (place) return { ...issue, ...place }
    if (path === ROOT) return issue
    const end = Math.max(path.lastIndexOf('.'), path.lastIndexOf('['))
    path = end <= 0 ? ROOT : path.slice(0, end)
  }
}

/** The order of the file. */
export function inOrder(issues: readonly ConfigIssue[]): ConfigIssue[] {
  return issues.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
}
