import { sql } from 'kysely'
import { sees } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { type AppError, isAppError } from '../../../core/errors.ts'
import { allPrompts } from '../../prompts/index.ts'
import { contradictionsOf } from '../model/contradictions.ts'
import { RelationshipExists, TargetNotFound } from '../model/failures.ts'
import { cyclesOf } from '../model/graph.ts'
import type { Problem, Validation } from '../model/problems.ts'
import { assertSayable, cycleRefusal, spoken } from '../model/rules.ts'
import { type Edge, isKept, needs, type PromptRef, type RelationshipType } from '../model/types.ts'
import { type End, findBetween, findCycle, findEnds, sameAs, tellPrompts } from '../store.ts'
import '../tables.ts'

/** The most relationships that one validation looks at, and problems that it tells. */
const maxEdges = 100_000
const maxProblems = 1_000

export type Plan = Readonly<{ sourceId: string; targetId: string; type: RelationshipType }>

/** What would be said against a planned relationship: what creating it would refuse (`error`) or warn of (`warning`). Changes nothing. */
export const validatePlan = (plan: Plan, ctx: Ctx): Promise<Validation> =>
  // All prompts, as creation sees them; the caller is told only of those that it may see.
  ctx.readAll(async (db) => {
    const problems = await problemsOf(db, plan, ctx)
    return { valid: problems.length === 0, checked: 1, truncated: false, problems }
  })

async function problemsOf(db: Db, plan: Plan, ctx: Ctx): Promise<Problem[]> {
  const refused = refusalOf(plan)
  if (refused) return [problem('error', refused.kind.code, refused.detail)]
  const ends = await findEnds(db, [plan.sourceId, plan.targetId])
  const missing = (['sourceId', 'targetId'] as const).filter((end) => !isShown(ends.get(plan[end]), ctx))
  if (missing.length > 0)
    return missing.map((end) =>
      problem('error', end === 'targetId' ? TargetNotFound.code : 'prompt.not_found', `There is no prompt ${plan[end]}.`),
    )
  const between = await findBetween(db, plan.sourceId, plan.targetId)
  const same = sameAs(between, plan)
  if (same) return [problem('error', RelationshipExists.code, `"${plan.type}" is said of these two already.`, [], [same.id!])]
  const cycle = await findCycle(db, plan)
  const told = cycle && (await tellPrompts(db, cycle, ctx.actor))
  return [
    ...(told ? [problem('error', 'relationship.cycle', cycleRefusal(told).detail, told)] : []),
    ...contradictionsOf([...between, plan])
      .filter(({ edges }) => edges.some(({ id }) => id === undefined))
      .map(({ edges, why }) => problem('warning', 'relationship.contradiction', why, [], idsOf(edges))),
  ]
}

const isShown = (end: End | undefined, ctx: Ctx): boolean => end !== undefined && !end.deleted && sees(ctx.actor, end.category)

function refusalOf(plan: Plan): AppError | undefined {
  try {
    assertSayable(plan)
    return undefined
  } catch (error) {
    if (isAppError(error)) return error
    throw error
  }
}

const idsOf = (edges: readonly Edge[]): string[] => edges.flatMap(({ id }) => (id === undefined ? [] : [id]))

const problem = (
  severity: Problem['severity'],
  code: string,
  detail: string,
  prompts: readonly PromptRef[] = [],
  relationshipIds: readonly string[] = [],
): Problem => ({ severity, code, detail, prompts: [...prompts], relationshipIds: [...relationshipIds] })

type Loaded = Edge & Readonly<{ id: string; sourceDeleted: boolean; targetDeleted: boolean }>

/** Cycles, contradictions, and relationships that dangle, in the whole graph as far as the caller may see it. */
export const validateGraph = (ctx: Ctx): Promise<Validation> =>
  ctx.read(async (db) => {
    const { rows } = await sql<Loaded>`
      select r.id, r.source_id, r.target_id, r.type, s.deleted as source_deleted, t.deleted as target_deleted
      from relationship r
      cross join lateral (select p.deleted from ${allPrompts} p where p.id = r.source_id offset 0) s
      cross join lateral (select p.deleted from ${allPrompts} p where p.id = r.target_id offset 0) t
      order by r.id limit ${maxEdges + 1}`.execute(db)
    const edges = rows.slice(0, maxEdges)
    const live = edges.filter((edge) => !edge.sourceDeleted && !edge.targetDeleted)
    const found = [...cycleFindings(live), ...contradictionFindings(live), ...danglingFindings(edges)]
    const shown = found.slice(0, maxProblems)
    const names = await tellPrompts(db, [...new Set(shown.flatMap(({ ids }) => ids))], ctx.actor)
    const byId = new Map(names.map((ref) => [ref.id, ref]))
    return {
      valid: found.length === 0,
      checked: edges.length,
      truncated: rows.length > maxEdges || found.length > maxProblems,
      problems: shown.map(({ ids, say, ...rest }) => {
        const prompts = ids.flatMap((id) => byId.get(id) ?? [])
        return { ...rest, detail: say(prompts.map(spoken)), prompts }
      }),
    }
  })

type Finding = Omit<Problem, 'detail' | 'prompts'> & Readonly<{ ids: readonly string[]; say: (names: readonly string[]) => string }>

const cycleFindings = (edges: readonly Loaded[]): Finding[] => {
  const needing = edges.filter(({ type }) => needs(type))
  const byLink = new Map(needing.map((edge) => [`${edge.sourceId} ${edge.targetId}`, edge.id]))
  return cyclesOf(needing).map((ids) => ({
    severity: 'error',
    code: 'relationship.cycle',
    ids,
    relationshipIds: ids.slice(1).map((to, i) => byLink.get(`${ids[i]} ${to}`)!),
    say: (names) => `These prompts need each other in a circle: ${names.join(' → ').slice(0, 2_000)}.`,
  }))
}

const contradictionFindings = (edges: readonly Loaded[]): Finding[] =>
  contradictionsOf(edges).map(({ edges: [a, b], why }) => ({
    severity: 'warning',
    code: 'relationship.contradiction',
    ids: [a.sourceId, a.targetId],
    relationshipIds: idsOf([a, b]),
    say: (names) => `${why} ${names.join(' and ')} are related by "${a.type}" and "${b.type}".`,
  }))

/** What is kept by the service hides with its prompt and is history; only an include of a deleted prompt is in the way. */
const dangles = ({ type, sourceDeleted, targetDeleted }: Loaded): boolean =>
  isKept(type) ? type === 'includes' && targetDeleted && !sourceDeleted : sourceDeleted || targetDeleted

const danglingFindings = (edges: readonly Loaded[]): Finding[] =>
  edges.filter(dangles).map(({ id, sourceId, targetId, sourceDeleted, type }) => ({
    severity: 'warning',
    code: 'relationship.dangling',
    ids: [sourceId, targetId],
    relationshipIds: [id],
    say: ([source, target]) =>
      `"${type}" from ${source} to ${target}: the ${sourceDeleted ? 'source' : 'target'} was deleted. Restore it, or ${isKept(type) ? 'take the include out' : 'delete the relationship'}.`,
  }))
