// Which names a topic may have: Kafka's rule.

/** Letters, digits, dot, underscore and dash; 1 to 249 of them; neither . nor .. */
export function isTopicName(name: string): boolean {
  return /^[A-Za-z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..'
}

export const topicNameRule =
  'a topic name has 1 to 249 letters, digits, dots, underscores and dashes, and is not . or ..'
