// The page of who is not logged in yet, or no more: it leads back to what the address names.
import { useState } from 'preact/hooks'
import type { Refusal } from '../../../src/console/api.ts'
import { Logo } from '../logo.tsx'
import { Icon } from '../parts.tsx'
import { entry, tell } from '../store.ts'
import { switchTheme } from '../theme.ts'
import { refusalText } from '../format.ts'

export function LoginPage() {
  const [user, setUser] = useState('')
  const [password, setPassword] = useState('')
  const [isShown, setShown] = useState(false)
  const [isCapital, setCapital] = useState(false)
  const [isBusy, setBusy] = useState(false)
  const [refusal, setRefusal] = useState<Refusal | null>(null)
  const logIn = async (event: SubmitEvent) => {
    event.preventDefault()
    if (isBusy) return
    const form = event.currentTarget as HTMLFormElement
    setBusy(true)
    const answer = await tell('POST', '/api/login', { user, password })
    setBusy(false)
    // What has been shown belongs to whoever was logged in before.
    if ('data' in answer) return location.reload()
    setRefusal(answer.refusal)
    form.querySelector<HTMLInputElement>('#password')?.select()
  }
  return (
    <div class="gate">
      <main class="gate-main" id="main">
        <p class="gate-name">
          <Logo size={34} />
          Millrace
        </p>
        <h1>Log in</h1>
        <p class="soft">
          {entry.value === 'over'
            ? 'Your session has ended. After the login you return to this page.'
            : `Console on ${location.host}`}
        </p>
        <form
          onSubmit={event => void logIn(event)}
          aria-describedby={refusal === null ? undefined : 'refusal'}
        >
          <div class="field">
            <label for="user">User</label>
            <input
              class="in"
              id="user"
              name="user"
              autocomplete="username"
              autocapitalize="none"
              spellcheck={false}
              required
              autoFocus
              value={user}
              onInput={event => setUser(event.currentTarget.value)}
            />
          </div>
          <div class="field">
            <div class="gate-label">
              <label for="password">Password</label>
              <button
                type="button"
                class="btn link"
                aria-pressed={isShown}
                aria-controls="password"
                onClick={() => setShown(!isShown)}
              >
                {isShown ? 'Hide' : 'Show'}
                <span class="vh"> the password</span>
              </button>
            </div>
            <input
              class="in"
              id="password"
              name="password"
              // The types of roles know one type of input at a time.
              type={(isShown ? 'text' : 'password') as 'password'}
              autocomplete="current-password"
              autocapitalize="none"
              spellcheck={false}
              required
              aria-invalid={refusal !== null}
              value={password}
              onInput={event => setPassword(event.currentTarget.value)}
              onKeyUp={event => setCapital(event.getModifierState('CapsLock'))}
            />
            {isCapital ? <p class="hint">Caps Lock is on.</p> : null}
          </div>
          <div role="alert" id="refusal">
            {refusal === null ? null : (
              <p class="gate-refusal">
                <span class="dot bad" aria-hidden="true" />
                <span>{refusalText(refusal)}</span>
              </p>
            )}
          </div>
          <button class="btn primary" aria-disabled={isBusy}>
            {isBusy ? 'Logging in …' : 'Log in'}
          </button>
        </form>
        <p class="gate-foot">
          <span>No account? Ask the operator of this console.</span>
          <button class="btn quiet icon" aria-label="Switch theme" title="Switch theme" onClick={switchTheme}>
            <Icon name="theme" size={18} />
          </button>
        </p>
      </main>
      <svg class="gate-water" viewBox="0 0 1440 120" preserveAspectRatio="xMidYMax slice" aria-hidden="true">
        <path d="M0 44c120-34 240-34 360 0s240 34 360 0 240-34 360 0 240 34 360 0v76H0z" />
        <path d="M0 72c120-26 240-26 360 0s240 26 360 0 240-26 360 0 240 26 360 0v48H0z" />
        <path d="M0 96c120-18 240-18 360 0s240 18 360 0 240-18 360 0 240 18 360 0v24H0z" />
      </svg>
    </div>
  )
}
