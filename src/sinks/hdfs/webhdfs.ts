// WebHDFS: files of HDFS through HTTP, as the NameNode and HttpFS of Hadoop 2.4 to 3.4 offer it (WebHDFS REST API):
//
//   PUT  /webhdfs/v1/PATH?op=CREATE     307 to a DataNode, which takes the bytes there: 201
//   POST /webhdfs/v1/PATH?op=APPEND     307 to a DataNode, which takes the bytes there: 200
//   PUT  /webhdfs/v1/PATH?op=RENAME&destination=PATH    200 {"boolean":true|false}
//
// A refusal has a body {"RemoteException":{"exception":..., "message":...}}; that a file exists the DataNode says. Each APPEND opens and closes the file, so
// that no lease outlives an agent that is killed. Of several NameNodes the one that is active is looked for.
import { Fault } from '../../errors.ts'
import { sendHttp, type HttpAnswer, type HttpRequest } from '../../system/https-request.ts'
import type { FileStore, StoreFile } from './file-store.ts'

export interface WebHdfsOptions {
  /** `http://host:9870` and the like, the NameNodes of one file system or an HttpFS. */
  readonly servers: readonly string[]
  readonly user: string
  /** The user to act for; null for none. */
  readonly proxyUser: string | null
  /** In place of the user's name. */
  readonly delegationToken: string | null
  /** Of one call, ms; Infinity: no limit. */
  readonly callTimeoutMs: number
}

interface Operation {
  readonly op: string
  readonly method: 'GET' | 'PUT' | 'POST'
  readonly path: string
  readonly more?: Readonly<Record<string, string>>
  /** Goes to where the answer points. */
  readonly bytes?: Buffer
}

interface Refusal {
  readonly exception: string
  readonly message: string
}

/** The longest time that a timer takes. */
const longestMs = 2_147_483_647

/** What another NameNode may do: this one is not active, or not yet. */
const asksElsewhere = new Set(['StandbyException', 'RetriableException', 'ObserverRetryOnActiveException'])

export class WebHdfs implements FileStore {
  readonly #options: WebHdfsOptions
  /** The server that answered last. */
  #active = 0
  /** Gives up what is under way. */
  signal: AbortSignal | null = null

  constructor(options: WebHdfsOptions) {
    this.#options = options
  }

  nameOf(path: string): string {
    return `${this.#server}${path}`
  }

  get #server(): string {
    return this.#options.servers[this.#active]!
  }

  async create(path: string, bytes: Buffer): Promise<StoreFile | null> {
    const operation = { op: 'CREATE', method: 'PUT', path, more: { overwrite: 'false' }, bytes } as const
    const refusal = await this.#refusalOf(operation)
    if (refusal?.exception === 'FileAlreadyExistsException') return null
    if (refusal !== null) throw this.#fault(operation, refusal)
    const append = async (more: Buffer) => {
      const appending = { op: 'APPEND', method: 'POST', path, bytes: more } as const
      const refused = await this.#refusalOf(appending)
      if (refused !== null) throw this.#fault(appending, refused)
    }
    return {
      append,
      close: async () => {},
      // A DataNode that died has left its lease, and the last block cannot be read meanwhile: the NameNode recovers
      // both when it is asked to append after a minute.
      settle: () => append(Buffer.alloc(0)),
    }
  }

  async rename(from: string, to: string): Promise<'done' | 'taken' | 'gone'> {
    const operation = { op: 'RENAME', method: 'PUT', path: from, more: { destination: to } } as const
    const { refusal, answer } = await this.#ask(operation)
    if (refusal !== null) throw this.#fault(operation, refusal)
    if (/"boolean"\s*:\s*true/.test(answer.body)) return 'done'
    const looked = await this.#refusalOf({ op: 'GETFILESTATUS', method: 'GET', path: from })
    return looked?.exception === 'FileNotFoundException' ? 'gone' : 'taken'
  }

  async #refusalOf(operation: Operation): Promise<Refusal | null> {
    return (await this.#ask(operation)).refusal
  }

  /** Of the first server that is active. Rejects where none is, or the bytes cannot be handed over. */
  async #ask(operation: Operation): Promise<{ refusal: Refusal | null; answer: HttpAnswer }> {
    const { servers } = this.#options
    for (let tries = 1; ; tries++) {
      const { refusal, answer } = await this.#askActive(operation).catch((error: unknown) => {
        if (tries >= servers.length || this.signal?.aborted === true) throw error
        return { refusal: null, answer: null }
      })
      if (answer === null || (asksElsewhere.has(refusal?.exception ?? '') && tries < servers.length))
        this.#active = (this.#active + 1) % servers.length
      else return refusal === null ? await this.#handOver(operation, answer) : { refusal, answer }
    }
  }

  async #askActive(operation: Operation): Promise<{ refusal: Refusal | null; answer: HttpAnswer }> {
    const url = this.#urlOf(operation)
    const answer = await this.#send('NameNode', { url, method: operation.method, headers: {} })
    if (answer.status === 307 && operation.bytes !== undefined) return { refusal: null, answer }
    const refusal = refusalIn(answer)
    if (refusal === null && (answer.status !== 200 || operation.bytes !== undefined))
      throw new Fault(
        'PROTOCOL',
        `${new URL(url).host} answers ${operation.op} with HTTP ${answer.status}, which WebHDFS does not`,
        { remedy: remedies.noWebHdfs },
      )
    return { refusal, answer }
  }

  /** The bytes to the DataNode that the answer names; the answer itself where there are none. */
  async #handOver(
    { op, method, bytes }: Operation,
    answer: HttpAnswer,
  ): Promise<{ refusal: Refusal | null; answer: HttpAnswer }> {
    if (bytes === undefined) return { refusal: null, answer }
    const url = answer.location ?? ''
    if (!/^https?:/.test(url) || !URL.canParse(url))
      throw new Fault('PROTOCOL', `${this.#server} sends ${op} to no address`, { remedy: remedies.noWebHdfs })
    const headers = { 'content-type': 'application/octet-stream' }
    const given = await this.#send('DataNode', { url, method, headers, body: bytes })
    if (given.status === 200 || given.status === 201) return { refusal: null, answer: given }
    return { refusal: refusalIn(given) ?? { exception: `HTTP ${given.status}`, message: '' }, answer: given }
  }

  async #send(
    whose: 'NameNode' | 'DataNode',
    request: Pick<HttpRequest, 'url' | 'method' | 'headers' | 'body'>,
  ): Promise<HttpAnswer> {
    const { signal } = this
    if (signal?.aborted === true) throw new Fault('STOPPED', 'the call was given up')
    try {
      return await sendHttp({
        ...request,
        isPublic: true,
        timeoutMs: Math.min(this.#options.callTimeoutMs, longestMs),
        ...(signal === null ? {} : { signal }),
      })
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      throw new Fault(error.code, `${whose} ${error.message}`, { cause: error, remedy: remedies[whose] })
    }
  }

  #urlOf({ op, path, more = {} }: Operation): string {
    const { user, proxyUser, delegationToken } = this.#options
    const query = new URLSearchParams({ op, ...more })
    if (delegationToken === null) query.set('user.name', user)
    else query.set('delegation', delegationToken)
    if (proxyUser !== null) query.set('doas', proxyUser)
    const encoded = path.split('/').map(encodeURIComponent).join('/')
    return `${this.#server}/webhdfs/v1${encoded}?${query}`
  }

  #fault({ op, path }: Operation, { exception, message }: Refusal): Fault {
    // Hadoop's messages go on with a stack.
    const [first = ''] = message.split('\n')
    const reason = first === '' ? exception : `${exception}: ${first}`
    return new Fault('PEER_REFUSED', `${this.nameOf(path)}: ${op} is refused: ${reason}`, {
      remedy: remedies[exception],
    })
  }
}

const remedies: Readonly<Record<string, string>> = {
  AccessControlException:
    'Give the user rights for the directory (hdfs dfs -chown or -setfacl), or run the agent with HADOOP_USER_NAME set to a user that has them.',
  SafeModeException:
    'Wait until the NameNode has left its safe mode, or end it with hdfs dfsadmin -safemode leave.',
  StandbyException: 'Name the active NameNode in hdfs.webHdfs, or all of them, separated by commas.',
  DSQuotaExceededException:
    'Raise the quota of the directory (hdfs dfsadmin -setSpaceQuota), or free space in it.',
  NSQuotaExceededException: 'Raise the quota of the directory (hdfs dfsadmin -setQuota), or remove files.',
  SecurityException: 'Give a delegation token in hdfs.delegationToken: Kerberos is not spoken here.',
  NameNode:
    'Start the NameNode, or set hdfs.webHdfs to its HTTP address (dfs.namenode.http-address, port 9870; 50070 in Hadoop 2); of a name service, to those of all NameNodes.',
  DataNode:
    'See that the DataNodes run, and that the host names in dfs.datanode.hostname resolve and can be reached from here.',
  noWebHdfs:
    'Set hdfs.webHdfs to the HTTP address of the NameNode (dfs.namenode.http-address, port 9870; 50070 in Hadoop 2) or of an HttpFS (port 14000).',
}

function refusalIn({ status, body }: HttpAnswer): Refusal | null {
  if (status < 400) return null
  try {
    const { exception, message } = (JSON.parse(body) as { RemoteException: Partial<Refusal> }).RemoteException
    if (typeof exception === 'string') return { exception, message: String(message ?? '') }
  } catch {
    // HTTP alone: a servlet that refuses, a proxy between.
  }
  return { exception: `HTTP ${status}`, message: '' }
}
