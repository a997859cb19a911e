import { defineModule } from '../../core/module.ts'
import { routes } from './routes.ts'

/** Documents: texts and addresses that prompts refer to, and which prompt needs which. */
export const documents = defineModule({ name: 'documents', endpoints: routes })

export { sharedDocuments } from './queries.ts'
