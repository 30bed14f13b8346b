/*
 * Steps the wall clock of this process. Everything in Node.js that asks for the time of day does it through `Date`; what
 * measures time (timers, `performance.now()`) runs on a clock that no step changes, as on a machine whose clock is set.
 */
const MachineDate = Date
let aheadMs = 0
const now = (): number => MachineDate.now() + aheadMs

const SteppedDate = new Proxy(MachineDate, {
  construct: (target, args: unknown[], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
  get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
})

/** @param ms negative to set it back */
export function stepClock(ms: number): void {
  aheadMs += ms
  globalThis.Date = SteppedDate
}
