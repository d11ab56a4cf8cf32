// What Flume's launcher would hand to the JVM, and what comes of it here: flume-env.sh, JAVA_OPTS and FLUME_JAVA_OPTS,
// the -D properties of the command line. An agent and the check of its configuration both begin with this.
import type { ConfigurationText } from '../config/configuration.ts'
import type { Problem } from '../config/problem.ts'
import { messageOf } from '../errors.ts'
import { readFlumeEnv, withoutFragment } from './flume-env.ts'
import type { JavaOptions } from './arguments.ts'
import { gatherJavaOptions, unknownOptions } from './java-options.ts'
import { log4jProblems } from './log4j.ts'

export interface Launch {
  /** Java's system properties. */
  readonly properties: ReadonlyMap<string, string>
  /** Errors keep the command from running. */
  readonly problems: readonly Problem[]
  /** What was given and has no effect; `texts` are the configuration, which may look properties up. */
  withoutEffect(texts: readonly ConfigurationText[]): Problem[]
}

const warning = (problem: string, fix: string): Problem => ({ severity: 'warning', problem, fix })

/** From now on the process has the variables that flume-env.sh exports, and the time zone of -Duser.timezone. */
export async function readLaunch(
  given: JavaOptions,
  options: { readonly conf?: string; readonly classpath?: string; readonly pluginsPath?: string },
): Promise<Launch> {
  const problems: Problem[] = []
  const { conf } = options
  const { exported, javaOptions, classpath, complaint } =
    conf === undefined
      ? withoutFragment()
      : await readFlumeEnv(conf).catch((error: unknown) => {
          problems.push({ severity: 'error', problem: messageOf(error), fix: 'correct the file' })
          return withoutFragment()
        })
  Object.assign(process.env, exported)
  if (complaint !== undefined) problems.push(warning(complaint, 'correct it, or the path of --conf'))
  const java = gatherJavaOptions(javaOptions, given)
  problems.push(...java.problems, ...log4jProblems(conf, java.properties))
  const paths = [
    ...(options.classpath === undefined ? [] : ['--classpath']),
    ...(options.pluginsPath === undefined ? [] : ['--plugins-path']),
    ...(classpath === '' ? [] : ['FLUME_CLASSPATH']),
  ]
  if (paths.length > 0)
    problems.push(
      warning(
        `${paths.join(' and ')}: no effect, because Java classes cannot be loaded here`,
        'write a component of your own as a module (docs/guides/java-classes.md)',
      ),
    )
  return {
    properties: java.properties,
    problems,
    withoutEffect: texts =>
      unknownOptions(java, property =>
        texts.some(({ bytes }) => Buffer.from(bytes).includes(`sys:${property}`)),
      ),
  }
}
