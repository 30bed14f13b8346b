import { createHash, type Hash } from 'node:crypto'
import {
  follows,
  NOTHING_BEFORE,
  readLine,
  sha256,
  type AuditHead,
  type FoundLine,
  type LineHash,
} from './chain.js'
import type { RawLine } from './lines-of.js'
import type {
  AuditFinding,
  AuditNote,
  AuditProblem,
  AuditVerification,
  VerifiedFile,
} from './verification.js'

interface CheckerOptions {
  readonly hash: LineHash
  readonly isKeyed: boolean
  readonly heads: readonly string[]
  readonly after?: string
}

/** Bytes that are not a line, until the line after them says whether a crash left them. */
interface Rest {
  readonly line: number
  readonly sum: Hash
  bytes: number
  isFinished: boolean
}

/** More are counted, but not listed. */
const MAX_LISTED = 100

/** Checks lines, in order, over several files. */
export class LineChecker {
  readonly #options: CheckerOptions
  readonly #files: VerifiedFile[] = []
  readonly #findings: AuditFinding[] = []
  readonly #notes: AuditNote[] = []
  readonly #unseenHeads: Set<string>
  #findingCount = 0
  #file = ''
  #lines = 0
  #firstSeq: number | undefined
  #rest: Rest | undefined
  #before: FoundLine | undefined

  constructor(options: CheckerOptions) {
    this.#options = options
    this.#unseenHeads = new Set(options.heads)
  }

  begin(file: string): void {
    this.#file = file
    this.#lines = 0
    this.#firstSeq = undefined
  }

  line({ bytes, isFinished }: RawLine): void {
    this.#lines++
    const found = bytes && readLine(bytes, this.#options.hash)
    if (found === undefined || !isFinished) {
      this.#keepRest(bytes, isFinished)
      return
    }
    this.#judgeRest(found)
    this.#firstSeq ??= found.seq
    if (!found.isIntact) this.#find('changed', this.#whyChanged(bytes as Buffer, found))
    this.#judgePlace(found)
    if (found.isIntact) this.#unseenHeads.delete(found.hash)
    if (
      found.event === 'audit.started' &&
      this.#before !== undefined &&
      this.#before.event !== 'audit.closed'
    )
      this.#note(
        'the process before this start did not close the log; its last lines may not have been written',
      )
    this.#before = found
  }

  end(): void {
    if (this.#rest !== undefined) {
      const { isFinished, line, bytes } = this.#rest
      if (isFinished) this.#find('unreadable', 'not a line of an audit log', line)
      else
        this.#find(
          'unfinished',
          `the last ${String(bytes)} bytes are an unfinished line: its process crashed, or is writing it now`,
          line,
        )
      this.#rest = undefined
    } else if (this.#lines === 0) this.#find('empty', 'there is no line', 1)
    this.#files.push({
      file: this.#file,
      lines: this.#lines,
      ...(this.#firstSeq === undefined || this.#before === undefined
        ? {}
        : { firstSeq: this.#firstSeq, lastSeq: this.#before.seq }),
    })
  }

  result(): AuditVerification {
    for (const head of this.#unseenHeads) {
      this.#findingCount++
      const message = `no intact line has the hash ${head}: lines were removed at the end, or replaced`
      this.#findings.push({ problem: 'head', message })
    }
    const head: AuditHead | undefined = this.#before && { seq: this.#before.seq, hash: this.#before.hash }
    return {
      isIntact: this.#findingCount === 0,
      files: this.#files,
      findings: this.#findings,
      findingCount: this.#findingCount,
      notes: this.#notes,
      ...(head && { head }),
    }
  }

  #judgePlace(found: FoundLine): void {
    const before = this.#before
    const { seq, prev } = found
    const isFirst = seq === 0 && prev === NOTHING_BEFORE
    if (before === undefined) {
      const { after } = this.#options
      if (after === undefined ? !isFirst : prev !== after)
        this.#find('beginning', `begins with number ${String(seq)}, which follows a line that is not given`)
    } else if (follows(found, before)) return
    else if (isFirst) this.#find('restarted', 'another log begins here')
    else if (seq > before.seq + 1) {
      const [from, to] = [String(before.seq + 1), String(seq - 1)]
      this.#find(
        'missing',
        from === to ? `line number ${from} is missing` : `line numbers ${from} to ${to} are missing`,
      )
    } else if (seq <= before.seq)
      this.#find(
        'order',
        `number ${String(seq)} comes after number ${String(before.seq)}: moved, repeated or inserted`,
      )
    else this.#find('link', 'follows another line than the one before it, which was replaced')
  }

  #whyChanged(bytes: Buffer, { hash }: FoundLine): string {
    const isUnkeyed = this.#options.isKeyed && readLine(bytes, sha256)?.hash === hash
    return isUnkeyed && readLine(bytes, sha256)?.isIntact === true
      ? 'was hashed without the key: it was forged, or the log has no key'
      : 'its hash is not that of its bytes: it was changed, or hashed with another key'
  }

  #keepRest(bytes: Buffer | undefined, isFinished: boolean): void {
    if (this.#rest === undefined)
      this.#rest = { line: this.#lines, sum: createHash('sha256'), bytes: 0, isFinished }
    else {
      this.#rest.sum.update('\n')
      this.#rest.bytes++
    }
    // What is longer than a line is left out, so that it is not what a start names.
    this.#rest.sum.update(bytes ?? 'too long')
    this.#rest.bytes += bytes?.length ?? 0
    this.#rest.isFinished = isFinished
  }

  /** A start names the bytes that it found after the last line. */
  #judgeRest({ event, members }: FoundLine): void {
    const rest = this.#rest
    this.#rest = undefined
    if (rest === undefined) return
    const { unfinishedBytes, unfinishedSha256 } = members
    const isNamed =
      event === 'audit.started' &&
      unfinishedBytes === rest.bytes &&
      unfinishedSha256 === rest.sum.digest('hex')
    if (isNamed)
      this.#note(
        `${String(rest.bytes)} bytes that a crash left unfinished, as the start after them says`,
        rest.line,
      )
    else this.#find('unreadable', 'not a line of an audit log', rest.line)
  }

  #find(problem: AuditProblem, message: string, line = this.#lines): void {
    this.#findingCount++
    if (this.#findings.length < MAX_LISTED) this.#findings.push({ problem, message, file: this.#file, line })
  }

  #note(message: string, line = this.#lines): void {
    if (this.#notes.length < MAX_LISTED) this.#notes.push({ message, file: this.#file, line })
  }
}
