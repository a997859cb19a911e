import type { EventHandler } from '../../../core/module.ts'
import { itemStore } from '../store/items.ts'

/** A text of a prompt is gone for good: what is still kept to be done to that prompt may hold it, and goes too. */
export const forgetRedacted: EventHandler = ({ subject }, tx) => itemStore(tx).forget(subject)
