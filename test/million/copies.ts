import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import { start } from './commands.js'

/**
 * Starts a command that writes a topic, and kills it after it has written something, three times.
 * @param waitMs how long after that
 */
export async function killAndResume(
  admin: Admin,
  target: string,
  args: readonly string[],
  waitMs: () => number,
): Promise<void> {
  const written = async (): Promise<number> =>
    (await admin.fetchTopicOffsets(target)).reduce((sum, { high }) => sum + Number(high), 0)
  for (const signal of ['SIGKILL', 'SIGINT', 'SIGKILL'] as const) {
    const before = await written()
    const running = start(args)
    const isEnded = running.ended.then(() => true)
    while ((await written()) === before && !(await Promise.race([isEnded, sleep(20, false)])));
    await sleep(waitMs())
    running.kill(signal)
    const { code, stderr } = await running.ended
    console.log(`${signal}: exit code ${String(code)}, ${String(await written())} offsets written. ${stderr}`)
  }
}
