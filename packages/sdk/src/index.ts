export { type Assignable, type Assignment, assign, type Reason } from '@prompt-store/assignment'
export { type Answer, type Client, type ClientOptions, createClient } from './client.ts'
export { type FieldError, PromptStoreError } from './errors.ts'
export type { Prompts, Served, ServingOptions, Source } from './prompts.ts'
export type {
  Conduct,
  Content,
  CreatePrompt,
  ItemOf,
  Method,
  PagedRoute,
  Prompt,
  PromptItem,
  Reply,
  RequestOptions,
  Route,
  Schemas,
  ServedPrompt,
  Version,
} from './types.ts'
export type { Wanted } from './wanted.ts'
