import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { ExpressionInvalid } from '../../../core/expressions.ts'
import { FieldReadOnly, Forbidden, PreconditionFailed } from '../../../core/problem.ts'
import { Id, Nullable, PageOf, PageQuery, Strict } from '../../../core/schemas.ts'
import { sentBack } from '../../../core/sent-back.ts'
import {
  LabelMoved,
  LabelNotFound,
  LabelProtected,
  PolicyBlocked,
  PromptNotFound,
  VersionNotFound,
  VersionRedacted,
} from '../../prompts/index.ts'
import { changeTest } from '../commands/change-test.ts'
import { createTest } from '../commands/create-test.ts'
import { endTest } from '../commands/end-test.ts'
import type { TestParts } from '../commands/parts.ts'
import { deleteTest, pauseTest, startTest } from '../commands/run-test.ts'
import { DetectableEffect } from '../model/detectable.ts'
import type { Experiment } from '../model/experiment.ts'
import { ABTestFixed, ABTestInvalid, ABTestNotFound, ABTestState, LabelTaken, NamespaceTaken } from '../model/failures.ts'
import { PromotionHindered } from '../model/promotion.ts'
import { changeable, ExperimentView, Key, NewExperiment, readOnly, readOnlyFields, viewOf } from '../model/shapes.ts'
import { getTest, listTests } from '../queries/tests.ts'

const TestId = Strict({ id: Id })
const etag = ({ revision }: { revision: number }) => String(revision)
const [read, write] = ['abtests:read', 'abtests:write']
const startErrors = [PromptNotFound, VersionNotFound, LabelNotFound, VersionRedacted, ABTestInvalid, NamespaceTaken, LabelTaken]
const changeErrors = [ABTestNotFound, ABTestState, PreconditionFailed]

const Created = Type.Unsafe<Experiment & { minimumDetectableEffect: DetectableEffect | null }>(
  Strict(
    {
      ...viewOf.properties,
      minimumDetectableEffect: Nullable(DetectableEffect, {
        description: 'For the traffic seen so far; null where nothing can be said of it',
      }),
    },
    { $id: 'CreatedABTest' },
  ),
)

export const tests = (parts: TestParts): AnyEndpoint[] => [...design(parts), ...life(parts)]

const design = (parts: TestParts): AnyEndpoint[] => [
  endpoint({
    name: 'abTests.create',
    method: 'POST',
    path: '/optimization/ab-tests',
    access: write,
    summary: 'Draft a test of variants of prompts; with `start` it runs at once',
    body: NewExperiment,
    status: 201,
    reply: Created,
    errors: [...startErrors, ExpressionInvalid, Forbidden],
    etag,
    location: ({ id }) => `/ab-tests/${id}`,
    handle: ({ body }, ctx) => createTest(parts)(body, ctx),
  }),
  endpoint({
    name: 'abTests.list',
    method: 'GET',
    path: '/ab-tests',
    access: read,
    summary: 'Tests, the newest first',
    query: Strict({
      ...PageQuery,
      status: Type.Optional(Type.Enum(['draft', 'running', 'paused', 'completed'], { description: 'Only tests in this state' })),
      q: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Only tests with this in their name' })),
    }),
    reply: PageOf(ExperimentView),
    handle: ({ query }, ctx) => listTests(query, ctx),
  }),
  endpoint({
    name: 'abTests.get',
    method: 'GET',
    path: '/ab-tests/:id',
    access: read,
    summary: 'A test, with all that an SDK needs to assign units',
    params: TestId,
    reply: ExperimentView,
    errors: [ABTestNotFound],
    etag,
    handle: ({ params }, ctx) => getTest(params, ctx),
  }),
  endpoint({
    name: 'abTests.update',
    method: 'PUT',
    path: '/ab-tests/:id',
    access: write,
    summary: 'Change a draft; of a test that has started coverage, weights, name and hypothesis',
    params: TestId,
    body: Strict({ ...changeable, ...sentBack(readOnlyFields, readOnly) }),
    reply: ExperimentView,
    errors: [
      ...changeErrors,
      ABTestFixed,
      ABTestInvalid,
      ExpressionInvalid,
      FieldReadOnly,
      PromptNotFound,
      VersionNotFound,
      VersionRedacted,
    ],
    etag,
    handle: ({ params, body, ifMatch }, ctx) => changeTest(parts)({ ...params, body, ifMatch }, ctx),
  }),
]

const life = (parts: TestParts): AnyEndpoint[] => [
  endpoint({
    name: 'abTests.start',
    method: 'POST',
    path: '/ab-tests/:id/start',
    access: write,
    summary: 'Let a test run, its versions pinned from now on; or go on with one that pauses',
    params: TestId,
    reply: ExperimentView,
    errors: [...changeErrors, ...startErrors],
    etag,
    handle: ({ params, ifMatch }, ctx) => startTest({ ...params, ifMatch }, ctx),
  }),
  endpoint({
    name: 'abTests.pause',
    method: 'POST',
    path: '/ab-tests/:id/pause',
    access: write,
    summary: 'Show everybody the control until the test is started again',
    params: TestId,
    reply: ExperimentView,
    errors: changeErrors,
    etag,
    handle: ({ params, ifMatch }, ctx) => pauseTest({ ...params, ifMatch }, ctx),
  }),
  endpoint({
    name: 'abTests.end',
    method: 'POST',
    path: '/optimization/ab-tests/:id/end',
    access: write,
    summary: 'End a test for good, and let its winner be served',
    params: TestId,
    body: Strict({
      winner: Type.Optional(Nullable(Key, { description: 'The variant that has won, if any' })),
      promoteTo: Type.Optional(
        Nullable(Type.String({ pattern: '^[a-z][a-z0-9._-]{0,63}$' }), {
          description:
            'The label of the control’s prompt that is to stand on what the winner serves; a version of another prompt is copied there. Without it the `overlayLabel`, if there is a winner, unless somebody has moved it meanwhile (409); null: none',
        }),
      ),
      reason: Type.Optional(Type.String({ maxLength: 2_000, description: 'Why; kept with the decision' })),
    }),
    reply: ExperimentView,
    errors: [
      ...changeErrors,
      ABTestInvalid,
      PromotionHindered,
      LabelMoved,
      Forbidden,
      LabelProtected,
      PolicyBlocked,
      PromptNotFound,
      VersionNotFound,
      VersionRedacted,
    ],
    etag,
    handle: ({ params, body, ifMatch }, ctx) => endTest(parts)({ ...params, ...body, ifMatch }, ctx),
  }),
  endpoint({
    name: 'abTests.delete',
    method: 'DELETE',
    path: '/ab-tests/:id',
    access: write,
    summary: 'Throw a draft away',
    params: TestId,
    errors: changeErrors,
    handle: ({ params, ifMatch }, ctx) => deleteTest({ ...params, ifMatch }, ctx),
  }),
]
