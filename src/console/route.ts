// What a route of the API is: a look, a change or a stream, each with the role that it takes. What a declaration lacks
// does not compile: a change names what the audit log says of it, the schema of its body and the topics that it touches.
import type { Static, TObject, TSchema } from 'typebox'
import type { Session } from './access/session.ts'
import type { Agents } from './agents.ts'
import type { Outcomes, Role } from './api.ts'
import type { ClusterList } from './cluster-list.ts'
import type { KafkaCluster } from './clusters.ts'
import type { Audit } from './access/audit.ts'
import type { Asking, Login } from './access/login.ts'
import { notThere, unreadable } from './refused.ts'

export { notThere, Refused, unreadable } from './refused.ts'

/** What routes are made over. */
export interface RouteParts {
  readonly agents: Agents
  readonly clusters: ClusterList
  readonly isReadOnly: boolean
  readonly audit: Audit
  /** Null: whoever has an account on this machine is the user. */
  readonly login: Login | null
}

/** The value, or 404 where there is none. */
export function there<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw notThere(what)
  return value
}

export function clusterOf({ clusters }: RouteParts, name: string): KafkaCluster {
  return there(clusters.find(name), `cluster ${name}`)
}

/** As the API answers them. */
export const outcomesOf = (outcomes: ReadonlyMap<string, string | null>): Outcomes => ({
  outcomes: [...outcomes].map(([what, problem]) => ({ what, problem })),
})

/** A whole number of a query. */
export function wholeOf(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw unreadable(`${name}=${text}: write a whole number`)
}

/** The names behind colons in a path. */
type NamesIn<Path extends string> = Path extends `${string}:${infer Rest}`
  ? Rest extends `${infer Name}/${infer More}`
    ? Name | NamesIn<`/${More}`>
    : Rest
  : never

/** What a handler is given. */
export interface Given<Params extends string = string, Query extends string = string, Body = unknown> {
  readonly params: Readonly<Record<Params, string>>
  readonly query: Readonly<Partial<Record<Query, string>>>
  readonly body: Body
  readonly session: Session
  /** Aborted when whoever asked has gone, or their session is over. */
  readonly gone: AbortSignal
  readonly asking: Asking
  /** Sets a header of the answer. */
  answerWith(header: string, value: string): void
}

interface Common<Path extends string, Query extends string> {
  readonly path: Path
  readonly summary: string
  /**
   * Who may: for the topic where the path names one (`:topic`), else for some topic or more; the handler leaves out of
   * its answer what `session.sees` is false for.
   */
  readonly role: Role
  /** What may stand behind the question mark, and what it means. */
  readonly query?: Readonly<Record<Query, string>>
}

export interface Look<
  Path extends string = string,
  Query extends string = string,
  Answer extends TSchema = TSchema,
> extends Common<Path, Query> {
  readonly method: 'GET'
  /** In the audit log, where a look belongs there: a few words such as "search messages". */
  readonly action?: string
  /** Of the query, what the audit log holds. */
  readonly audited?: readonly NoInfer<Query>[]
  readonly answer: Answer
  handle(given: Given<NamesIn<Path>, Query>): Promise<Static<Answer>> | Static<Answer>
}

export interface Change<
  Path extends string = string,
  Query extends string = string,
  Body extends TObject = TObject,
  Answer extends TSchema = TSchema,
> extends Common<Path, Query> {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** A few words: "create topic". The parts of the path stand beside it in the audit log. */
  readonly action: string
  /** It changes nothing, and is sent with a body alone: a console that is read-only answers it too, and no log has it. */
  readonly isQuestion?: true
  /** Of the body, what the audit log holds: no message's content. Values with the name of a secret are hidden there. */
  readonly audited: readonly (keyof Static<Body> & string)[]
  /** It changes the session and nothing else: nobody has to be logged in, and a read-only console does it. */
  readonly isOfSession?: true
  /** Further properties are refused. */
  readonly body: Body
  /** Most bytes of the body; 64 KiB where absent. */
  readonly bodyLimit?: number
  /** The topics for which the role is needed; null: for everything. */
  touches(given: Given<NamesIn<Path>, Query, Static<Body>>): readonly string[] | null
  readonly answer: Answer
  handle(given: Given<NamesIn<Path>, Query, Static<Body>>): Promise<Static<Answer>> | Static<Answer>
}

/** Where a stream writes to. */
export interface Outlet {
  /** False while the reader is slower than what is sent: leave out what can be left out, or wait for `ready`. */
  readonly isReady: boolean
  /** Resolves when more can be sent, and when the reader has gone. */
  ready(): Promise<void>
  send(data: string | Uint8Array): void
}

export interface Stream<Path extends string = string, Query extends string = string> extends Common<
  Path,
  Query
> {
  readonly method: 'GET'
  readonly action?: string
  /** Of the query, what the audit log holds. */
  readonly audited?: readonly NoInfer<Query>[]
  /** `text/event-stream` and what a download may be. */
  readonly type: string
  /** The name under which a browser keeps it; it is shown where absent. */
  fileName?(given: Given<NamesIn<Path>, Query>): string
  /** The stream ends when the promise does. What it throws before it has sent anything is answered as everywhere else. */
  run(given: Given<NamesIn<Path>, Query>, outlet: Outlet): Promise<void>
}

export type Route = Look | Change | Stream

export const look = <Path extends string, Answer extends TSchema, Query extends string = never>(
  one: Look<Path, Query, Answer>,
): Route => one as unknown as Look

export const change = <
  Path extends string,
  Body extends TObject,
  Answer extends TSchema,
  Query extends string = never,
>(
  one: Change<Path, Query, Body, Answer>,
): Route => one as unknown as Change

export const stream = <Path extends string, Query extends string = never>(one: Stream<Path, Query>): Route =>
  one as unknown as Stream

export const isChange = (route: Route): route is Change => route.method !== 'GET'
export const isStream = (route: Route): route is Stream => 'run' in route

/** The names behind colons in a path. */
export const namesIn = (path: string): string[] => [...path.matchAll(/:(\w+)/g)].map(([, name]) => name!)

/** One server-sent event. */
export const eventOf = (name: string, data: unknown): string =>
  `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
