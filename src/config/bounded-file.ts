import { open } from 'node:fs/promises'

/** Reads at most one byte more than `maxBytes`, whatever the file is. */
export async function readAtMost(file: string, maxBytes: number): Promise<Buffer> {
  const handle = await open(file)
  try {
    const chunks: Buffer[] = []
    for await (const chunk of handle.createReadStream({ end: maxBytes })) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks)
  } finally {
    await handle.close()
  }
}

const WHY_UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'file not found',
  ENOTDIR: 'file not found',
  EISDIR: 'is a folder',
  EACCES: 'permission denied',
}

export function whyUnreadable(error: unknown): string {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException
  return WHY_UNREADABLE[code] ?? `cannot be read: ${code}`
}
