import { defineModule } from '../../core/module.ts'
import { documentEvents } from './model/document.ts'
import { routes } from './routes.ts'

/** Documents: texts and addresses that prompts refer to, and which prompt needs which. */
export const documents = defineModule({ name: 'documents', endpoints: routes, events: documentEvents })

export { sharedDocuments } from './queries.ts'
