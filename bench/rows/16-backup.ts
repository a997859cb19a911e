/**
 * Row 16: backup, verification and restore of a whole store by `prompt-store-admin`, processes of their own, while a service
 * runs on the store; 10,000 and 100,000 prompts of 1.5 kB. Memory is flat when the most that a process ever holds does not
 * grow with the store: the figure is the larger store's by the smaller one's. Seconds are from start to end of the process.
 */
import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fill } from '../lib/data.ts'
import { figure, type Measure, times } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { type Installation, withFolder, withService } from '../lib/service.ts'

const admin = fileURLToPath(new URL('../../packages/server/src/admin.ts', import.meta.url))
const mebibyte = 1024 * 1024
/** Said by the process itself at its end, in kB. */
const tellPeak = `data:text/javascript,process.on('exit',()=>process.stderr.write('peak '+process.resourceUsage().maxRSS+'\\n'))`

type Run = Readonly<{ seconds: number; peakMiB: number }>

/** @throws with what it wrote when it fails */
function run(databaseUrl: string, ...args: string[]): Promise<Run> {
  const startedAt = performance.now()
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', tellPeak, admin, ...args], {
      env: { PATH: process.env.PATH ?? '', DATABASE_URL: databaseUrl },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let output = ''
    child.stderr.on('data', (data) => (output += data))
    child.on('error', reject)
    child.on('close', (code) => {
      const kilobytes = Number(/peak (\d+)/.exec(output)?.[1])
      if (code !== 0 || !kilobytes) return reject(new Error(`prompt-store-admin ${args.join(' ')} ended with ${code}: ${output}`))
      resolve({ seconds: (performance.now() - startedAt) / 1000, peakMiB: kilobytes / 1024 })
    })
  })
}

type Sized = Readonly<{ prompts: number; fileMiB: number; runs: Readonly<Record<'backup' | 'verify' | 'restore', Run>> }>

async function measureAt(installation: Installation, prompts: number, folder: string): Promise<Sized> {
  const file = join(folder, `${prompts}.backup`)
  const target = `restored_${prompts}`
  await installation.query(`create database ${target}`)
  const backup = await run(installation.databaseUrl, 'backup', file)
  const verify = await run(installation.databaseUrl, 'backup', 'verify', file)
  const restore = await run(installation.databaseUrl.replace('/promptstore?', `/${target}?`), 'restore', file)
  return { prompts, fileMiB: statSync(file).size / mebibyte, runs: { backup, verify, restore } }
}

const measuresOf = (small: Sized, large: Sized, what: keyof Sized['runs']): Measure[] => {
  const [before, after] = [small.runs[what], large.runs[what]]
  const rate = large.prompts / after.seconds
  return [
    {
      what: `${what} of ${large.prompts.toLocaleString('en-US')} prompts`,
      ours: `${figure(after.seconds, 's')}, a file of ${figure(large.fileMiB, 'MiB')}`,
      rival: 'no rival',
      value: rate,
      shown: figure(rate, 'prompts/s'),
    },
    {
      what: `${what}: most memory at ${large.prompts.toLocaleString('en-US')} prompts`,
      ours: figure(after.peakMiB, 'MiB'),
      rival: `at ${small.prompts.toLocaleString('en-US')} ${figure(before.peakMiB, 'MiB')}`,
      value: after.peakMiB / before.peakMiB,
      shown: times(after.peakMiB / before.peakMiB),
      bar: { atMost: 1.3 },
    },
  ]
}

export const backupRow: Row = {
  id: '16',
  title: 'Backup and restore',
  measure: ({ quick }) =>
    withFolder((folder) =>
      withService(async (_service, installation) => {
        const [few, many] = quick ? [2_000, 20_000] : [10_000, 100_000]
        await fill(installation, { category: 'bench', prompts: few })
        const small = await measureAt(installation, few, folder)
        await fill(installation, { category: 'bench', from: few + 1, prompts: many - few })
        const large = await measureAt(installation, many, folder)
        return (['backup', 'verify', 'restore'] as const).flatMap((what) => measuresOf(small, large, what))
      }),
    ),
}
