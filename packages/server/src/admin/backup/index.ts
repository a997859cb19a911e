import { version } from '../../app.ts'
import { bytesOf, writeOut, writeWhole } from './file.ts'
import { BackupUnusable } from './format.ts'
import { type Summary, verifyBackup } from './read-backup.ts'
import { restoreBackup } from './restore.ts'
import { type PromptPart, type RestoredPrompt, type RestoredWorkspace, restorePrompt, restoreWorkspace } from './restore-part.ts'
import { type Counted, writeBackup } from './write-backup.ts'

/**
 * Write the whole store into a file, or to standard output for `-`.
 * @param force in place of a file of that name
 * @throws Error when the file is there already or cannot be written, or the store cannot be read
 */
export function backup(url: string, file: string, { force }: { force: boolean }): Promise<Counted> {
  const about = { product: version, at: new Date().toISOString() }
  return file === '-' ? writeBackup(url, writeOut, about) : writeWhole(file, force, (write) => writeBackup(url, write, about))
}

/** Read a backup to its end. @throws Error when any bit of it is not as it was written */
export const verify = (file: string): Promise<Summary> => naming(file, () => verifyBackup(bytesOf(file)))

/**
 * Fill an empty store with a backup. A file is read to its end first, so that nothing is begun with a damaged one;
 * standard input can be read only once, and is checked before the commit.
 */
export async function restore(url: string, file: string): Promise<Counted> {
  if (file !== '-') await verify(file)
  return naming(file, () => restoreBackup(url, bytesOf(file)))
}

/** Restore one workspace into a living store. @param as the name of a new workspace, beside the one that is there */
export async function restoreOneWorkspace(url: string, file: string, workspace: string, as?: string): Promise<RestoredWorkspace> {
  return naming(file, () => restoreWorkspace(url, () => bytesOf(file), workspace, as))
}

/** Restore one prompt into a living store. */
export async function restoreOnePrompt(url: string, file: string, part: PromptPart): Promise<RestoredPrompt> {
  return naming(file, () => restorePrompt(url, () => bytesOf(file), part))
}

async function naming<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof BackupUnusable)
      throw new Error(`${file === '-' ? 'What came in' : file} cannot be used: ${error.message}. Nothing was changed.`)
    throw error
  }
}
