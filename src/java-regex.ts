// Java regular expressions as JavaScript ones: compiles the source text with Java's meaning or says
// why it cannot be done.

export type CompiledRegex = { readonly value: RegExp } | { readonly problem: string }

/** Compiles `source` (Java syntax). `flags` are JavaScript flags to add, e.g. 'g'. */
export function compileJavaRegex(source: string, flags = ''): CompiledRegex {
  try {
    return { value: new RegExp(source, flags) }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}
