import { defineModule } from '../../core/module.ts'
import { routes } from './routes/moves.ts'

/** Lifecycle: which status a prompt has, where it can go from there, and how it came there. */
export const lifecycle = defineModule({ name: 'lifecycle', endpoints: routes })
