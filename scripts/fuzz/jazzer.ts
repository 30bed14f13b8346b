import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MAX_INPUT_MS, MAX_RSS_MIB, type Target } from './plan.js'

/** What a run is given beside its target. */
export interface Run {
  /** The command that runs Node.js, from `fuzzingNode`. */
  readonly node: readonly string[]
  /** Where the compiled sources are. */
  readonly compiled: string
  /** Folders: of the inputs it starts from, of those it keeps, of findings. */
  readonly seeds: string
  readonly corpus: string
  readonly findings: string
  /** Receives all that the fuzzer says. */
  readonly log: string
  readonly runs: number
  readonly seed: number
}

/** What came of a run, in the fuzzer's own figures. */
export interface Outcome {
  readonly inputs: number
  readonly seconds: number
  /** Edges reached, and features: edges with how often, and comparisons. */
  readonly edges: number
  readonly features: number
  readonly corpus: number
  readonly peakRssMib: number
  /** The fuzzer's account of what it found, with the file of the input; undefined where it found nothing. */
  readonly finding: { readonly text: string; readonly file: string | undefined } | undefined
}

/** Only what is attacked is measured. */
const INSTRUMENTED = ['envelope', 'record', 'crypto', 'keys'].map((folder) => `src/${folder}/`)

/** Fuzzes one target to its end, with the fuzzer's randomness fixed by `seed`. */
export async function fuzz(target: Target, run: Run): Promise<Outcome> {
  const { code, output } = await jazzer(
    target,
    run,
    [],
    [
      `-runs=${String(run.runs)}`,
      `-seed=${String(run.seed)}`,
      `-max_len=${String(target.maxLength)}`,
      `-rss_limit_mb=${String(MAX_RSS_MIB)}`,
      `-artifact_prefix=${run.findings}/${target.name}-`,
      '-print_final_stats=1',
    ],
  )
  return outcomeOf(output, code, run.runs)
}

/** A table of the lines and branches that the inputs of a run reach, those it started from and those it kept. */
export async function coverage(target: Target, run: Run): Promise<string> {
  const options = [
    '--mode',
    'regression',
    '--coverage',
    '--coverageReporters',
    'text',
    '--coverageDirectory',
    run.corpus,
  ]
  const { output } = await jazzer(target, { ...run, log: `${run.log}-coverage` }, options, [])
  return output.slice(Math.max(output.indexOf('-----'), 0))
}

async function jazzer(
  { name, sync }: Target,
  { node: [command = '', ...before], compiled, corpus, seeds, log: path }: Run,
  options: readonly string[],
  engineOptions: readonly string[],
): Promise<{ code: number | null; output: string }> {
  const args = [
    ...before,
    fileURLToPath(import.meta.resolve('@jazzer.js/core/dist/cli.js')),
    `${compiled}/scripts/fuzz/targets/${name}.js`,
    corpus,
    seeds,
    ...INSTRUMENTED.flatMap((folder) => ['-i', `${compiled}/${folder}`]),
    ...['-e', 'node_modules'],
    // They look for calls that this library does not make.
    ...['--disableBugDetectors', '.*'],
    ...['--timeout', String(MAX_INPUT_MS)],
    ...(sync ? ['--sync'] : []),
    ...options,
    '--',
    ...engineOptions,
  ]
  // Into the file itself: through a pipe, which Node.js makes non-blocking, what it says in a burst at the end is lost.
  const log = openSync(path, 'w')
  try {
    const child = spawn(command, args, { stdio: ['ignore', log, log] })
    const code = await new Promise<number | null>((done, failed) => {
      child.once('error', failed)
      child.once('close', done)
    })
    // The end is what counts; a long run says much.
    return { code, output: readFileSync(path, 'utf8').slice(-100_000) }
  } finally {
    closeSync(log)
  }
}

function outcomeOf(output: string, code: number | null, runs: number): Outcome {
  const figure = (pattern: RegExp, group = 1): number => Number(pattern.exec(output)?.[group] ?? NaN)
  const last = /#\d+\s+DONE\s+cov: (\d+) ft: (\d+) corp: (\d+)/
  const done = /Done (\d+) runs in (\d+) second/
  const inputs = figure(done)
  const file = /Test unit written to (\S+)/.exec(output)?.[1]
  const failed = code !== 0 || file !== undefined || !(inputs >= runs)
  return {
    inputs,
    seconds: figure(done, 2),
    edges: figure(last),
    features: figure(last, 2),
    corpus: figure(last, 3),
    peakRssMib: figure(/peak_rss_mb:\s+(\d+)/),
    finding: failed ? { text: output.slice(-4000), file } : undefined,
  }
}
