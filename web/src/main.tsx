// The console's browser program: the frame around the pages, and which page the address names.
import { render, type ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Account } from './account.tsx'
import { time } from './format.ts'
import { Logo } from './logo.tsx'
import { Banner, Head, Icon, Mark, Waiting, type IconName } from './parts.tsx'
import { AuditPage } from './pages/audit.tsx'
import { BrokerPage, BrokersPage } from './pages/brokers.tsx'
import { FlowPage } from './pages/flow.tsx'
import { GroupPage, GroupsPage } from './pages/groups.tsx'
import { LoginPage } from './pages/login.tsx'
import { clusterName, withCluster } from './pages/shared.tsx'
import { TopicPage, TopicsPage } from './pages/topics.tsx'
import { followLinks, go, parameter, path, pathOf, setParameter } from './router.ts'
import {
  clusters,
  entry,
  flow,
  hasKeys,
  heardAt,
  isCutOff,
  isPaused,
  listen,
  mayLook,
  now,
  switchKeys,
  worst,
} from './store.ts'
import { isShortcut, isTyping } from './table.tsx'
import { restoreTheme, switchTheme } from './theme.ts'

type MessagesPage = (typeof import('./pages/messages.tsx'))['MessagesPage']
let messagesPage: MessagesPage | null = null

/** The page of messages is loaded when it is opened. */
function LazyMessagesPage({ topic }: { topic: string }) {
  const [Page, setPage] = useState(() => messagesPage)
  useEffect(() => {
    void import('./pages/messages.tsx').then(loaded => {
      messagesPage = loaded.MessagesPage
      setPage(() => messagesPage)
    })
  }, [])
  if (Page !== null) return <Page topic={topic} />
  return (
    <main class="main" id="main">
      <Head title={topic} sub="" />
      <Waiting what="the messages" />
    </main>
  )
}

interface Place {
  readonly name: string
  readonly icon: IconName
  readonly title: string
  readonly href: string
  /** Behind g. */
  readonly key: string
}

const flowPlace: Place = { name: '', icon: 'flow', title: 'Flow', href: '/', key: 'f' }
const kafkaPlaces: readonly Place[] = [
  { name: 'topics', icon: 'topics', title: 'Topics', href: '/topics', key: 't' },
  { name: 'groups', icon: 'groups', title: 'Groups', href: '/groups', key: 'g' },
  { name: 'brokers', icon: 'brokers', title: 'Brokers', href: '/brokers', key: 'b' },
]
const auditPlace: Place = { name: 'audit', icon: 'audit', title: 'Audit', href: '/audit', key: 'a' }
const places = (): readonly Place[] => [
  flowPlace,
  ...(clusters.value.length > 0 ? kafkaPlaces : []),
  ...(mayLook('admin', null) ? [auditPlace] : []),
]

/** Of pages that change something. */
const taskTitles: Readonly<Record<string, string>> = {
  create: 'Create topic',
  delete: 'Delete',
  partitions: 'Add partitions',
  empty: 'Delete records',
  settings: 'Change settings',
  spread: 'Move replicas',
  move: 'Move replicas',
  stop: 'Stop moves',
  lift: 'Remove the limit',
  elect: 'Elect preferred leaders',
  produce: 'Produce',
  reset: 'Reset offsets',
}

function pageOf([name = '', item, part]: readonly string[]): { title: string; page: ComponentChildren } {
  if (name === '') return { title: 'Flow', page: <FlowPage /> }
  if (clusters.value.length === 0 && kafkaPlaces.some(one => one.name === name))
    return {
      title: name,
      page: (
        <main class="main" id="main">
          <Head title="Kafka" sub="" />
          <Banner level="off" title="No Kafka cluster is given">
            Start the console with --bootstrap-server host:port.
          </Banner>
        </main>
      ),
    }
  const task = parameter('do')
  if (task !== null && ['topics', 'groups', 'brokers'].includes(name))
    return {
      title: taskTitles[task] ?? 'Not there',
      page: <TaskPage key={`${name}/${item}/${task}`} task={task} />,
    }
  if (name === 'topics' && item !== undefined && part === 'messages')
    return { title: 'Messages', page: <LazyMessagesPage key={item} topic={item} /> }
  if (name === 'topics')
    return item === undefined
      ? { title: 'Topics', page: <TopicsPage /> }
      : { title: item, page: <TopicPage key={item} name={item} /> }
  if (name === 'groups')
    return item === undefined
      ? { title: 'Groups', page: <GroupsPage /> }
      : { title: item, page: <GroupPage key={item} id={item} /> }
  if (name === 'audit' && mayLook('admin', null)) return { title: 'Audit log', page: <AuditPage /> }
  if (name === 'brokers')
    return item === undefined
      ? { title: 'Brokers', page: <BrokersPage /> }
      : { title: `Broker ${item}`, page: <BrokerPage key={item} id={item} /> }
  return {
    title: 'Not there',
    page: (
      <main class="main" id="main">
        <Head title="There is no such page" sub="" />
        <p>
          <a href="/">To the flow</a>
        </p>
      </main>
    ),
  }
}

type Tasks = typeof import('./tasks/tasks.tsx')
let loadedTasks: Tasks | undefined

/** Pages that change something are loaded when the first of them is opened. */
function TaskPage({ task }: { task: string }) {
  const [tasks, setTasks] = useState(loadedTasks)
  const [problem, setProblem] = useState(false)
  useEffect(() => {
    if (tasks !== undefined) return
    import('./tasks/tasks.tsx').then(
      loaded => setTasks((loadedTasks = loaded)),
      () => setProblem(true),
    )
  }, [tasks])
  const page = tasks?.taskOf(task, path.value)
  if (page) return page
  return (
    <main class="main" id="main">
      <Head title={tasks === undefined ? 'Loading' : 'There is no such page'} sub="" />
      {problem ? (
        <Banner level="bad" title="The page cannot be loaded">
          Load it again.
        </Banner>
      ) : tasks === undefined ? null : (
        <p>
          <a href={withCluster(pathOf(...path.value))}>To the page it would be on</a>
        </p>
      )}
    </main>
  )
}

function Rail() {
  const [current = ''] = path.value
  return (
    <nav class="rail" aria-label="Console">
      <div class="mark" title="Millrace">
        <Logo />
      </div>
      <ul>
        {places().map(place => (
          <li key={place.name}>
            <a
              href={hrefOf(place)}
              aria-current={place.name === current ? 'page' : undefined}
              title={`g ${place.key}`}
            >
              <Icon name={place.icon} />
              <span>{place.title}</span>
              {place.name === '' && (worst.value === 'bad' || worst.value === 'warn') ? (
                <>
                  <Mark level={worst.value} />
                  <span class="vh">{worst.value === 'bad' ? ', in trouble' : ', with a warning'}</span>
                </>
              ) : null}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  )
}

/** The cluster that is looked at stays the one. */
const hrefOf = (place: Place): string => (kafkaPlaces.includes(place) ? withCluster(place.href) : place.href)

function Top({ title }: { title: string }) {
  const [section, item, part] = path.value
  const within = parameter('do') ?? part
  const parent = kafkaPlaces.find(({ name }) => name === section)
  const agoSeconds = Math.max(
    0,
    Math.round((now.value - (isPaused.value ? (flow.value?.takenAt ?? now.value) : heardAt.value)) / 1000),
  )
  return (
    <header class="top">
      <nav aria-label="Breadcrumb">
        <ol class="crumbs">
          <li>
            {clusters.value.length > 1 ? (
              <label>
                <span class="vh">Cluster</span>
                <select
                  class="in"
                  value={clusterName()}
                  onChange={event => setParameter('cluster', event.currentTarget.value)}
                >
                  {clusters.value.map(({ name }) => (
                    <option key={name}>{name}</option>
                  ))}
                </select>
              </label>
            ) : (
              <span class="b">{clusterName() || 'Millrace'}</span>
            )}
          </li>
          {item !== undefined && parent !== undefined ? (
            <li>
              <a href={hrefOf(parent)}>{parent.title}</a>
            </li>
          ) : null}
          {item !== undefined && parent !== undefined && within ? (
            <li>
              <a href={withCluster(pathOf(section!, item))}>{item}</a>
            </li>
          ) : null}
          <li aria-current="page">
            <span>{title}</span>
          </li>
        </ol>
      </nav>
      <div class="right">
        <span class={isCutOff.value ? 'bad-t' : 'soft wide'} title={time(heardAt.value)}>
          {isCutOff.value ? 'No connection' : agoSeconds <= 2 ? 'Up to date' : `Updated ${agoSeconds} s ago`}
        </span>
        <button
          class="btn live"
          aria-pressed={isPaused.value}
          title="Pause updates (p)"
          onClick={() => (isPaused.value = !isPaused.value)}
        >
          <span class="pulse" aria-hidden="true" />
          {isPaused.value ? 'Paused' : 'Live'}
        </button>
        <Account />
        <button class="btn quiet icon" aria-label="Switch theme" title="Switch theme" onClick={switchTheme}>
          <Icon name="theme" size={18} />
        </button>
      </div>
    </header>
  )
}

const helpLines = [
  ['/', 'search'],
  ['g f', 'the flow'],
  ['g t', 'topics'],
  ['g g', 'consumer groups'],
  ['g b', 'brokers'],
  ['g a', 'the audit log, for administrators'],
  ['j, k', 'next and previous row'],
  ['Enter', 'open the row'],
  ['Esc', 'close'],
  ['p', 'pause and go on'],
  ['?', 'this list'],
] as const

function Help({ close }: { close: () => void }) {
  return (
    <dialog class="dlg" open aria-labelledby="help">
      <h2 id="help">Keys</h2>
      <dl class="keys">
        {helpLines.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={hasKeys.value}
          onChange={event => switchKeys(event.currentTarget.checked)}
        />
        <span>Single keys act at once. Off: only ? and Esc do.</span>
      </label>
      <footer>
        <button class="btn" onClick={close} autoFocus>
          Close
        </button>
      </footer>
    </dialog>
  )
}

function App() {
  const [isHelp, setHelp] = useState(false)
  useEffect(() => {
    let isGoing = false
    const press = (event: KeyboardEvent) => {
      if (event.key === 'Escape') {
        if (event.target instanceof HTMLElement) event.target.blur()
        return setHelp(false)
      }
      if (isTyping(event)) return
      if (event.key === '?') return setHelp(true)
      if (!isShortcut(event)) return
      if (isGoing) {
        isGoing = false
        const place = places().find(({ key }) => key === event.key)
        if (place !== undefined) go(hrefOf(place))
        return
      }
      if (event.key === 'g') isGoing = true
      else if (event.key === 'p') isPaused.value = !isPaused.value
      else if (event.key === 'j' || event.key === 'k') moveRow(event.key === 'j' ? 1 : -1)
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [])
  const { title, page } = pageOf(path.value)
  const [, item] = path.value
  const named = item === undefined || title.includes(item) ? title : `${item}: ${title}`
  useEffect(() => {
    document.title = `${named} · Millrace`
  }, [named])
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <div class="app" onClick={followLinks}>
        <Rail />
        <Top title={title} />
        {isCutOff.value ? (
          <p class="cut-off" role="alert">
            <Mark level="bad" />
            <strong>No connection to the console’s server.</strong> What is shown is from{' '}
            {time(heardAt.value)}. The page reconnects by itself; see whether millrace console still runs.
          </p>
        ) : null}
        {page}
        {isHelp ? <Help close={() => setHelp(false)} /> : null}
      </div>
    </>
  )
}

/** The links of the rows are the places to stand on: Enter opens them. */
function moveRow(step: number): void {
  const links = [...document.querySelectorAll<HTMLElement>('tr[data-row] th a')]
  const at = links.indexOf(document.activeElement as HTMLElement)
  const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step
  const link = links[Math.max(0, Math.min(links.length - 1, next))]
  link?.focus()
  link?.scrollIntoView({ block: 'nearest' })
}

/** Nothing is shown before it is known who looks. */
function Gate() {
  const { value } = entry
  if (value === 'unknown') return null
  return value === 'in' ? <App /> : <LoginPage />
}

restoreTheme()
listen()
render(<Gate />, document.getElementById('app')!)
