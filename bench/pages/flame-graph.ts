import { text, bar, svg } from './svg.js'

/** The members of a `.cpuprofile` that are used here. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  /** The node that ran at each sample. */
  readonly samples: readonly number[]
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[]
}

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string }
  readonly children?: readonly number[]
}

/** A function as it was called from the one above it, and how long it ran, with all that it called. */
interface Frame {
  readonly name: string
  readonly isOwn: boolean
  us: number
  readonly callees: Map<string, Frame>
}

const WIDTH = 720
const MARGIN = 20
const ROW = 17
const TOP = 48
/** Narrower frames are left out. */
const MIN_WIDTH = 1.5
/** What a character takes, about. */
const LETTER = 6.2

/**
 * Where the time of this library goes: each row is called by the row above it, and the width is the share of time. Only
 * samples with a function of the library count, from that function on.
 */
export function flameGraph(profile: CpuProfile, title: string): string {
  const root = frameOf('kafka-envelope', true)
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
  )
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  for (const [i, sample] of profile.samples.entries()) {
    const stack: ProfileNode[] = []
    for (let id: number | undefined = sample; id !== undefined; id = parents.get(id))
      stack.unshift(nodes.get(id) as ProfileNode)
    add(root, stack.slice(Math.max(0, stack.findIndex(isOwn))), profile.timeDeltas[i] ?? 0)
  }
  if (root.us === 0) throw new Error('no function of the library is in the profile')
  const shapes = [text(MARGIN, 30, title, 'title')]
  const rows = draw(root, MARGIN, TOP, (WIDTH - 2 * MARGIN) / root.us, shapes)
  const top = [...root.callees.values()].sort((a, b) => b.us - a.us).slice(0, 3)
  return svg({
    width: WIDTH,
    height: TOP + rows * ROW + MARGIN,
    title,
    description: `Share of time: ${top.map(({ name, us }) => `${name} ${String(Math.round((us / root.us) * 100))} %`).join(', ')}.`,
    shapes,
  })
}

function frameOf(name: string, own: boolean): Frame {
  return { name, isOwn: own, us: 0, callees: new Map() }
}

function isOwn({ callFrame: { url } }: ProfileNode): boolean {
  return /\/src\/[\w/-]+\.js$/.test(url) && !url.includes('/node_modules/')
}

function add(root: Frame, stack: readonly ProfileNode[], us: number): void {
  const [first] = stack
  if (first === undefined || !isOwn(first)) return
  let frame = root
  frame.us += us
  for (const node of stack) {
    const name = node.callFrame.functionName || '(anonymous)'
    let callee = frame.callees.get(name)
    if (callee === undefined) frame.callees.set(name, (callee = frameOf(name, isOwn(node))))
    callee.us += us
    frame = callee
  }
}

/** Draws a frame and what it calls below it. Returns how many rows that takes. */
function draw(
  { name, isOwn: own, us, callees }: Frame,
  x: number,
  y: number,
  scale: number,
  shapes: string[],
): number {
  const width = us * scale
  shapes.push(bar(own ? 'engine0' : 'engine1', x, y, width - 0.5, ROW - 1))
  const letters = Math.floor((width - 6) / LETTER)
  if (letters > 3)
    shapes.push(text(x + 3, y + 12, name.length > letters ? `${name.slice(0, letters - 1)}…` : name, 'frame'))
  let rows = 1
  let at = x
  for (const callee of [...callees.values()].sort((a, b) => b.us - a.us)) {
    if (callee.us * scale < MIN_WIDTH) continue
    rows = Math.max(rows, 1 + draw(callee, at, y + ROW, scale, shapes))
    at += callee.us * scale
  }
  return rows
}
