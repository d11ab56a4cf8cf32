// A password from the terminal, which does not show it, or from the first line of standard input.
import { linesOf } from './lines.ts'
import { UsageError } from './usage-error.ts'

/** Throws UsageError where none is given. */
export async function readPassword(): Promise<string> {
  const { stdin } = process
  const password = stdin.isTTY ? await typed() : await firstLine()
  if (password === '') throw new UsageError('the password is empty')
  return password
}

async function firstLine(): Promise<string> {
  for await (const [line] of linesOf(process.stdin)) if (line !== undefined) return line.toString('utf8')
  return ''
}

async function typed(): Promise<string> {
  const first = await ask('Password: ')
  if ((await ask('Once more: ')) !== first) throw new UsageError('the two passwords are not the same')
  return first
}

function ask(prompt: string): Promise<string> {
  const { stdin, stderr } = process
  stderr.write(prompt)
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  stdin.resume()
  return new Promise((resolve, reject) => {
    let text = ''
    const finish = () => {
      stdin.off('data', read)
      stdin.pause()
      stdin.setRawMode(false)
      stderr.write('\n')
    }
    const read = (chunk: string) => {
      for (const letter of chunk) {
        if (letter === '\r' || letter === '\n' || letter === '\u0004') {
          finish()
          return resolve(text)
        }
        if (letter === '\u0003') {
          finish()
          return reject(new UsageError('no password was entered: the input was interrupted'))
        }
        if (letter === '\u007f' || letter === '\b') text = [...text].slice(0, -1).join('')
        else if (letter === '\u0015') text = ''
        else if (letter >= ' ') text += letter
      }
    }
    stdin.on('data', read)
  })
}
