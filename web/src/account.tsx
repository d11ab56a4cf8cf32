// Who is logged in, in the bar on top.
import { Icon } from './parts.tsx'
import { session, tell } from './store.ts'

const ranks = ['admin', 'operator', 'viewer'] as const

export function Account() {
  const { value } = session
  if (value === null) return null
  const highest = ranks.find(role => value.grants.some(one => one.role === role)) ?? 'no role'
  const logOut = async () => {
    await tell('POST', '/api/logout')
    location.reload()
  }
  return (
    <>
      {value.isReadOnly ? (
        <span class="badge wide" title="This console was started with --read-only">
          Read-only
        </span>
      ) : null}
      {value.hasLogin ? (
        <>
          <span class="soft wide account" title={grantsText()}>
            {value.user} · {highest}
          </span>
          <button
            class="btn quiet icon"
            aria-label={`Log out ${value.user}`}
            title={`Log out ${value.user}`}
            onClick={() => void logOut()}
          >
            <Icon name="leave" size={18} />
          </button>
        </>
      ) : null}
    </>
  )
}

const grantsText = () =>
  (session.value?.grants ?? [])
    .map(({ role, topics }) => (topics === null ? role : `${role} of ${topics}`))
    .join(', ')
