/*
 * Pictures that need no script and can be read on light and dark pages, as docs/images/journey.svg. Libraries for charts
 * bring a browser's document with them, or megabytes.
 */

const STYLE = `
    text { font: 13px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328 }
    .page { fill: #ffffff }
    .title { font-weight: 600; font-size: 15px }
    .quiet { fill: #57606a; font-size: 12px }
    .frame { fill: #ffffff; font-size: 11px }
    .end { text-anchor: end }
    .middle { text-anchor: middle }
    .axis { stroke: #8c959f; stroke-width: 1 }
    .grid { stroke: #d8dee4; stroke-width: 1 }
    .spread { stroke: #1f2328; stroke-width: 1.5 }
    .engine0 { fill: #0969da } .line0 { stroke: #0969da; fill: none; stroke-width: 2 }
    .engine1 { fill: #8250df } .line1 { stroke: #8250df; fill: none; stroke-width: 2 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .page { fill: #0d1117 }
      .quiet { fill: #9198a1 }
      .frame { fill: #0d1117 }
      .axis { stroke: #6e7681 }
      .grid { stroke: #30363d }
      .spread { stroke: #e6edf3 }
      .engine0 { fill: #58a6ff } .line0 { stroke: #58a6ff }
      .engine1 { fill: #a78bfa } .line1 { stroke: #a78bfa }
    }`

export interface Picture {
  readonly width: number
  readonly height: number
  readonly title: string
  /** For readers who cannot see it. */
  readonly description: string
  readonly shapes: readonly string[]
}

export function svg({ width, height, title, description, shapes }: Picture): string {
  const size = `width="${String(width)}" height="${String(height)}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(width)} ${String(height)}" role="img" aria-labelledby="title desc">
  <title id="title">${escaped(title)}</title>
  <desc id="desc">${escaped(description)}</desc>
  <style>${STYLE}
  </style>
  <rect class="page" ${size} rx="8" />
  ${shapes.join('\n  ')}
</svg>
`
}

export function text(x: number, y: number, content: string, style = ''): string {
  return `<text class="${style}" x="${at(x)}" y="${at(y)}">${escaped(content)}</text>`
}

export function line(style: string, from: readonly [number, number], to: readonly [number, number]): string {
  return `<path class="${style}" d="M${at(from[0])} ${at(from[1])} L${at(to[0])} ${at(to[1])}" />`
}

export function path(style: string, points: readonly (readonly [number, number])[]): string {
  return `<path class="${style}" d="M${points.map(([x, y]) => `${at(x)} ${at(y)}`).join(' L')}" />`
}

export function bar(style: string, x: number, y: number, width: number, height: number): string {
  return `<rect class="${style}" x="${at(x)}" y="${at(y)}" width="${at(width)}" height="${at(height)}" rx="2" />`
}

function at(coordinate: number): string {
  return String(Math.round(coordinate * 10) / 10)
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
