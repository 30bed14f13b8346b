/** Where a record is: `topic:partition:offset`, as `inspect` takes it. */
export function placeOf(topic: string, partition: number, offset: string): string {
  return `${topic}:${String(partition)}:${offset}`
}
