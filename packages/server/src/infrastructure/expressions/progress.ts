/**
 * Memory that a thread and its watcher share: which task of a batch it is at, and how much CPU time the thread had used
 * when that task began. A message could not say so: the thread is busy.
 */
export type Progress = Readonly<{
  memory: SharedArrayBuffer
  begin(index: number): void
  end(): void
  /** @returns -1 before the first and after the last */
  at(): number
  /** In milliseconds; NaN where the thread cannot tell (Node before 23.9). */
  cpuAtBegin(): number
}>

const none = -1

/** @param memory of the other side; none: new memory */
export function createProgress(memory?: SharedArrayBuffer): Progress {
  const shared = memory ?? new SharedArrayBuffer(16)
  const index = new Int32Array(shared, 0, 1)
  const cpu = new Float64Array(shared, 8, 1)
  if (!memory) index[0] = none
  return {
    memory: shared,
    begin(at) {
      const used = process.threadCpuUsage?.()
      cpu[0] = used ? (used.user + used.system) / 1_000 : Number.NaN
      Atomics.store(index, 0, at)
    },
    end: () => void Atomics.store(index, 0, none),
    at: () => Atomics.load(index, 0),
    cpuAtBegin: () => cpu[0]!,
  }
}
