/**
 * Loaded into a measured process before its own code (`node --import`): answers over the IPC channel what the process
 * has used so far. And when whoever measures is gone, the process ends too.
 */
export type Usage = Readonly<{
  /** User and system time since the start, microseconds. */
  cpuMicros: number
  /** Resident set, bytes. */
  rss: number
}>

type Question = Readonly<{ ask?: string; id?: number }>

process.on('message', ({ ask, id }: Question) => {
  if (ask !== 'usage') return
  const { userCPUTime, systemCPUTime } = process.resourceUsage()
  process.send?.({ id, usage: { cpuMicros: userCPUTime + systemCPUTime, rss: process.memoryUsage.rss() } satisfies Usage })
})
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
