export type Point = readonly [seconds: number, value: number]

/** How much a series grows in a minute: the slope of the straight line through it with the least squares. */
export function slopePerMinute(points: readonly Point[]): number {
  const mean = (of: (point: Point) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const [middle, level] = [mean(([seconds]) => seconds), mean(([, value]) => value)]
  const spread = mean(([seconds]) => (seconds - middle) ** 2)
  return (60 * mean(([seconds, value]) => (seconds - middle) * (value - level))) / spread
}
